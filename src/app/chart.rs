//! A series as a line of dots, in characters of braille: two dots a column, four a row.

use super::view::{Line, Tone};
use crate::model::Month;

/// With fewer months a line says no more than the figures do.
const FEWEST_MONTHS: usize = 6;

/// A series over months as a line with its scale, `unit` with the blank before it, at most so many signs wide; nothing where there are too few months for one.
pub fn over_months(
    what: &str,
    values: &[Option<f64>],
    (first, last): (Month, Month),
    (unit, decimals, most): (&str, usize, usize),
) -> Vec<Line> {
    if values.len() < FEWEST_MONTHS {
        return Vec::new();
    }
    let greatest = values.iter().flatten().copied().fold(0.0, f64::max);
    let columns = (values.len() * 2).clamp(20, most);
    let scale = format!(", 0 to {greatest:.decimals$}{unit}, {first} to {last}");
    let head = Line::of(Tone::Accent, what).and(Tone::Dim, scale);
    let drawn = braille(values, columns, 3).into_iter().map(|line| Line::of(Tone::Good, line));
    std::iter::once(head).chain(drawn).chain([Line::default()]).collect()
}

/// The bits of the dots of a character, from the top, on the left and on the right (Unicode, block Braille Patterns).
const DOTS: [[u32; 2]; 4] = [[0x01, 0x08], [0x02, 0x10], [0x04, 0x20], [0x40, 0x80]];

/// The series from 0 at the bottom to its greatest value at the top, as steps; where nothing is known there is no dot.
pub fn braille(values: &[Option<f64>], columns: usize, rows: usize) -> Vec<String> {
    let (width, height) = (columns * 2, rows * 4);
    let greatest = values.iter().flatten().copied().fold(0.0, f64::max);
    let mut cells = vec![vec![0_u32; columns]; rows];
    let at = |x: usize| {
        let value = values.get(x * values.len() / width.max(1)).copied().flatten()?;
        let share = if greatest > 0.0 { (value / greatest).clamp(0.0, 1.0) } else { 0.0 };
        Some(height - 1 - (share * (height - 1) as f64).round() as usize)
    };
    let mut before = None;
    for x in 0..width {
        let now = at(x);
        if let Some(y) = now {
            // A step is drawn as a line, so that the eye follows it.
            let from: usize = before.unwrap_or(y);
            for y in from.min(y)..=from.max(y) {
                cells[y / 4][x / 2] |= DOTS[y % 4][x % 2];
            }
        }
        before = now;
    }
    let sign = |dots: u32| char::from_u32(0x2800 + dots).unwrap_or(' ');
    cells.into_iter().map(|line| line.into_iter().map(sign).collect()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn series_is_a_line_of_steps_from_nothing_to_the_greatest() {
        // Full height, then nothing: the upper row of dots, one step down, the lowest row.
        assert_eq!(braille(&[Some(2.0), Some(0.0)], 2, 1), ["⠉⣇"]);
        assert_eq!(braille(&[None, Some(1.0)], 2, 1), ["⠀⠉"]);
        assert_eq!(braille(&[Some(0.0)], 1, 2), ["⠀", "⣀"]);
        assert_eq!(braille(&[], 2, 1), ["⠀⠀"]);
    }
}
