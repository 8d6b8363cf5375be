//! Tables that fit a terminal: one line a record, the columns on the left first, what is cut marked with `…`.

use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

/// A table whose columns fit.
pub(super) struct Fitted {
    /// Names of its columns.
    pub(super) names: Vec<String>,
    /// Places of these columns among all.
    pub(super) columns: Vec<usize>,
    /// Its cells, row by row.
    pub(super) cells: Vec<Vec<String>>,
}

/// What a cell takes beside its text: a line and a blank on either side.
const FRAME: usize = 3;
/// No column is cut below this.
const LEAST: usize = 12;

/// Columns of a table that fit into a width, and the names of those that do not. Long columns are cut first, down to a third of the
/// width, then the rightmost ones left out.
pub(super) fn to_width(names: &[String], rows: Vec<Vec<String>>, width: Option<usize>) -> (Fitted, Vec<String>) {
    let natural = |at: usize| rows.iter().map(|row| row[at].width()).chain([names[at].width()]).max().unwrap_or(0);
    let natural: Vec<usize> = (0..names.len()).map(natural).collect();
    let all = |widths: &[usize]| widths.iter().map(|width| width + FRAME).sum::<usize>() + 1;
    let Some(width) = width.filter(|width| all(&natural) > *width) else {
        return (Fitted { names: names.to_vec(), columns: (0..names.len()).collect(), cells: rows }, Vec::new());
    };
    let longest = (width / 3).max(LEAST);
    let mut widths: Vec<usize> = natural.iter().map(|natural| (*natural).min(longest)).collect();
    while widths.len() > 1 && all(&widths) > width {
        widths.pop();
    }
    // What room is left goes to the columns that were cut, from the left.
    for at in 0..widths.len() {
        let room = width.saturating_sub(all(&widths));
        widths[at] += room.min(natural[at] - widths[at]);
    }
    let cells = rows.iter().map(|row| row.iter().zip(&widths).map(|(cell, width)| cut(cell, *width)).collect()).collect();
    let kept = names.iter().zip(&widths).map(|(name, width)| cut(name, *width)).collect();
    let left_out = names[widths.len()..].to_vec();
    (Fitted { names: kept, columns: (0..widths.len()).collect(), cells }, left_out)
}

fn cut(text: &str, width: usize) -> String {
    if text.width() <= width {
        return text.to_owned();
    }
    let mut kept = String::new();
    let mut taken = 1;
    for c in text.chars() {
        taken += c.width().unwrap_or(0);
        if taken > width {
            break;
        }
        kept.push(c);
    }
    kept.push('…');
    kept
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fitted(width: Option<usize>) -> (Vec<String>, Vec<String>, Vec<String>) {
        let names = ["id", "address", "note"].map(str::to_owned);
        let rows =
            vec![vec!["1".to_owned(), "12 Sample Street, Albany, New York".to_owned(), "a note of some length".to_owned()]];
        let (fitted, left_out) = to_width(&names, rows, width);
        (fitted.names, fitted.cells[0].clone(), left_out)
    }

    #[test]
    fn long_columns_are_cut_before_any_is_left_out() {
        assert_eq!(fitted(None).1[1], "12 Sample Street, Albany, New York");
        assert_eq!(fitted(Some(200)).1[1], "12 Sample Street, Albany, New York");
        let (names, cells, left_out) = fitted(Some(60));
        assert_eq!(
            (names.len(), cells[1].as_str(), cells[2].as_str(), left_out.len()),
            (3, "12 Sample Street, Albany, N…", "a note of some leng…", 0)
        );
        assert!(cells.iter().map(|cell| cell.width() + FRAME).sum::<usize>() < 60);
        let (names, cells, left_out) = fitted(Some(30));
        assert_eq!((names, left_out), (vec!["id".to_owned(), "address".to_owned()], vec!["note".to_owned()]));
        assert!(cells.iter().map(|cell| cell.width() + FRAME).sum::<usize>() < 30);
    }
}
