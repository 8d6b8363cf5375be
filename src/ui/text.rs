//! Texts as they fit into cells.

use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

use crate::app::view::{Line, Tone};

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

/// A line in lines of at most a width, broken at blanks where there are some; those that follow are set in by as much as the name of
/// a named line takes.
pub fn wrap(line: &Line, width: usize) -> Vec<Line> {
    if width == 0 {
        return Vec::new();
    }
    let indent = match line.0.as_slice() {
        [(Tone::Dim, name), _, ..] if name.width() == NAME => NAME.min(width / 3),
        _ => 0,
    };
    let mut wrapped = Vec::new();
    let mut current = Line::default();
    let mut used = 0;
    for (tone, text) in &line.0 {
        for word in words(text) {
            let mut word = word;
            // A blank that would begin a line is left out.
            while used + word.trim_end().width() > width {
                let room = width - used;
                let fresh = used <= indent;
                let taken = if fresh { head(word, room.max(1)) } else { 0 };
                if taken > 0 {
                    push(&mut current, *tone, &word[..taken]);
                    word = &word[taken..];
                }
                wrapped.push(std::mem::take(&mut current));
                if indent > 0 {
                    push(&mut current, Tone::Dim, &" ".repeat(indent));
                }
                used = indent;
            }
            push(&mut current, *tone, word);
            used = (used + word.width()).min(width);
        }
    }
    wrapped.push(current);
    wrapped
}

/// The width of the name of a named line.
const NAME: usize = 10;

fn push(line: &mut Line, tone: Tone, text: &str) {
    match line.0.last_mut() {
        Some((last, before)) if *last == tone => before.push_str(text),
        _ => line.0.push((tone, text.to_owned())),
    }
}

/// Bytes of the characters that fit, at least one.
fn head(text: &str, width: usize) -> usize {
    let mut used = 0;
    for (at, c) in text.char_indices() {
        used += c.width().unwrap_or(0);
        if used > width {
            return if at == 0 { c.len_utf8() } else { at };
        }
    }
    text.len()
}

/// Words with the blanks behind them.
fn words(text: &str) -> impl Iterator<Item = &str> {
    text.split_inclusive(' ')
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn fitted_text_has_exactly_its_width(text in "\\PC{0,30}", width in 0_usize..20) {
            prop_assert_eq!(left(&text, width).width(), width);
            prop_assert!(fit(&text, width).width() <= width);
        }

        #[test]
        fn wrapped_lines_hold_every_word_and_fit(text in "[a-zäß ]{0,80}", width in 4_usize..40) {
            let lines = wrap(&Line::named("name", text.clone()), width);
            let joined: String = lines.iter().map(|line| line.text().replace(' ', "")).collect();
            prop_assert_eq!(joined, format!("name{}", text.replace(' ', "")));
            for line in &lines {
                prop_assert!(line.text().trim_end().width() <= width, "{:?}", line.text());
            }
        }
    }
}
