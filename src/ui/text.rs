//! Numbers and texts as they fit into cells.

use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

pub use crate::model::units::percent;

/// `1,234,567`.
pub fn count(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// A difference with its sign: `+12`, `−3`, `0`.
pub fn signed(number: i64) -> String {
    match number {
        0 => "0".into(),
        up if up > 0 => format!("+{}", count(up.unsigned_abs())),
        down => format!("−{}", count(down.unsigned_abs())),
    }
}

/// The text cut to a width, with `…` where something is left out.
pub fn fit(text: &str, width: usize) -> String {
    if text.width() <= width {
        return text.to_owned();
    }
    let mut cut = String::new();
    let mut used = 0;
    for c in text.chars() {
        let wide = c.width().unwrap_or(0);
        if used + wide + 1 > width {
            break;
        }
        cut.push(c);
        used += wide;
    }
    if width > 0 {
        cut.push('…');
    }
    cut
}

/// The text in exactly a width, on the left.
pub fn left(text: &str, width: usize) -> String {
    let text = fit(text, width);
    let pad = width.saturating_sub(text.width());
    format!("{text}{}", " ".repeat(pad))
}

/// The text in exactly a width, on the right.
pub fn right(text: &str, width: usize) -> String {
    let text = fit(text, width);
    let pad = width.saturating_sub(text.width());
    format!("{}{text}", " ".repeat(pad))
}

/// A line of bars, the greatest as high as the line.
pub fn sparkline(values: &[u64]) -> String {
    bars(values, values.iter().copied().max().unwrap_or(0))
}

/// A line of bars, `most` as high as the line.
pub fn bars(values: &[u64], most: u64) -> String {
    const BARS: [char; 8] = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];
    let most = most.max(1);
    values.iter().map(|value| BARS[((value * 7).div_ceil(most) as usize).min(7)]).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn numbers_read_as_people_write_them() {
        assert_eq!([0, 999, 1000, 64_539, 3_226_950].map(count).join(" "), "0 999 1,000 64,539 3,226,950");
        assert_eq!([0, 12, -1200].map(signed).join(" "), "0 +12 −1,200");
        assert_eq!([0.0, 0.0001, 0.5, 0.9999, 1.0].map(percent).join(" "), "0 <1 50 >99 100");
        assert_eq!(sparkline(&[0, 5, 10]), "▁▅█");
    }

    proptest! {
        #[test]
        fn fitted_text_has_exactly_its_width(text in "\\PC{0,30}", width in 0_usize..20) {
            prop_assert_eq!(left(&text, width).width(), width);
            prop_assert!(fit(&text, width).width() <= width);
        }
    }
}
