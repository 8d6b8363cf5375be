//! Numbers as the cells of a list.

pub(super) fn width_of(text: &str) -> u16 {
    u16::try_from(unicode_width::UnicodeWidthStr::width(text)).unwrap_or(u16::MAX)
}

/// Decimals that a number needs, three at most.
pub(super) fn decimals_of(number: f64) -> usize {
    let thousandths = (number.abs() * 1000.0).round();
    if thousandths >= 9e15 {
        return 0;
    }
    match thousandths as u64 {
        n if !n.is_multiple_of(10) => 3,
        n if !n.is_multiple_of(100) => 2,
        n if !n.is_multiple_of(1000) => 1,
        _ => 0,
    }
}

/// Separators between thousands.
pub fn grouped(number: &str) -> String {
    let (sign, digits) = number.strip_prefix('-').map_or(("", number), |digits| ("−", digits));
    let (whole, rest) = digits.find('.').map_or((digits, ""), |at| digits.split_at(at));
    let mut text = String::with_capacity(number.len() + whole.len() / 3);
    text.push_str(sign);
    for (at, digit) in whole.char_indices() {
        if at > 0 && (whole.len() - at).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text.push_str(rest);
    text
}

pub(super) fn signed(number: f64, decimals: usize) -> String {
    let text = grouped(&format!("{number:.decimals$}"));
    if number > 0.0 { format!("+{text}") } else { text }
}

/// Signs of a bar.
pub(super) const BAR: usize = 12;

pub(super) fn bar(number: f64, greatest: f64) -> String {
    const PARTS: [char; 8] = ['▏', '▎', '▍', '▌', '▋', '▊', '▉', '█'];
    let eighths = if greatest > 0.0 { (number / greatest * (BAR * 8) as f64).round().max(0.0) as usize } else { 0 };
    let eighths = if number > 0.0 { eighths.max(1) } else { eighths };
    let mut text = "█".repeat(eighths / 8);
    if !eighths.is_multiple_of(8) {
        text.push(PARTS[eighths % 8 - 1]);
    }
    text
}
