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

/// Columns that a table is looked at for: they are left out last.
const WANTED: [&str; 10] = [
    "what",
    "freshness",
    "outcome",
    "severity",
    "reason",
    "next_step",
    "failed_count",
    "refresh_age_days",
    "value",
    "raw_record",
];

/// Columns of a table that fit into a width, and the names of those that do not. Long columns are cut first, down to a third of the
/// width, then the rightmost ones left out, of those that are wanted least.
pub(super) fn to_width(names: &[String], rows: Vec<Vec<String>>, width: Option<usize>) -> (Fitted, Vec<String>) {
    let natural = |at: usize| rows.iter().map(|row| row[at].width()).chain([names[at].width()]).max().unwrap_or(0);
    let natural: Vec<usize> = (0..names.len()).map(natural).collect();
    let all = |widths: &[usize]| widths.iter().map(|width| width + FRAME).sum::<usize>() + 1;
    let Some(width) = width.filter(|width| all(&natural) > *width) else {
        return (Fitted { names: names.to_vec(), columns: (0..names.len()).collect(), cells: rows }, Vec::new());
    };
    let longest = (width / 3).max(LEAST);
    let mut columns: Vec<usize> = (0..names.len()).collect();
    let mut widths: Vec<usize> = natural.iter().map(|natural| (*natural).min(longest)).collect();
    let is_wanted = |at: usize| at == 0 || WANTED.contains(&names[at].as_str());
    while columns.len() > 1 && all(&widths) > width {
        let last = columns.iter().rposition(|at| !is_wanted(*at)).unwrap_or(columns.len() - 1);
        columns.remove(last);
        widths.remove(last);
    }
    // What room is left goes to the columns that were cut, from the left.
    for at in 0..widths.len() {
        let room = width.saturating_sub(all(&widths));
        widths[at] += room.min(natural[columns[at]] - widths[at]);
    }
    let of = |row: &[String]| columns.iter().zip(&widths).map(|(at, width)| cut(&row[*at], *width)).collect();
    let (cells, kept) = (rows.iter().map(|row| of(row)).collect(), of(names));
    let left_out = (0..names.len()).filter(|at| !columns.contains(at)).map(|at| names[at].clone()).collect();
    (Fitted { names: kept, columns, cells }, left_out)
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
        let wanted = ["utility_id", "received_at", "freshness"].map(str::to_owned);
        let (fitted_to, left_out) =
            to_width(&wanted, vec![["utility1", "2022-10-15 00:00", "fresh"].map(str::to_owned).to_vec()], Some(30));
        assert_eq!((fitted_to.columns, left_out), (vec![0, 2], vec!["received_at".to_owned()]));
        let (names, cells, left_out) = fitted(Some(30));
        assert_eq!((names, left_out), (vec!["id".to_owned(), "address".to_owned()], vec!["note".to_owned()]));
        assert!(cells.iter().map(|cell| cell.width() + FRAME).sum::<usize>() < 30);
    }
}
