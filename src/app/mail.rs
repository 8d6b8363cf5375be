//! The mail to a utility: what a month of its lacks, in words that can be sent as they are, and the rejected records beside it.

use super::reads::QueryError;
use super::reads::cases::{self, Case, Standing};
use super::reads::checks;
use super::reads::rejected::{self, RejectedFilter};
use crate::config::Settings;
use crate::frame::text::{CsvCells, csv};
use crate::lake::Lake;
use crate::model::Month;
use crate::model::cell::visible;

/// A mail.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mail {
    /// Its text, the subject in the first line.
    pub text: String,
    /// The rejected records as CSV that a spreadsheet may open; `None` where none were rejected.
    pub rejected: Option<String>,
}

/// The mail about a utility's month, from the tables.
///
/// # Errors
/// A table cannot be read.
pub fn about(lake: &Lake, settings: &Settings, utility: &str, month: Month) -> Result<Mail, QueryError> {
    let outcomes = checks::outcomes(lake, settings)?;
    let is_checked = outcomes.iter().any(|checked| checked.month == month && checked.utility == utility);
    let found = cases::of_month(lake, settings, &outcomes, Some(month))?;
    let cases: Vec<Case> = found.map(|(_, cases)| cases).unwrap_or_default();
    let wanted = RejectedFilter { utility: Some(utility), month: Some(month), ..RejectedFilter::default() };
    let rows = rejected::records(lake, wanted)?;
    let names: Vec<String> = rows.names().into_iter().map(str::to_owned).collect();
    let cells: Vec<_> = (0..rows.height()).map(|row| rows.row(row)).collect();
    let rejected = (rows.height() > 0).then(|| csv(&names, &cells, CsvCells::SpreadsheetSafe));
    Ok(Mail { text: text(utility, month, &cases, (rows.height(), is_checked)), rejected })
}

/// The text of the mail about the cases that are the utility's and open; with the number of rejected records, and whether the month was
/// checked at all.
pub fn text(utility: &str, month: Month, cases: &[Case], (rejected, is_checked): (usize, bool)) -> String {
    use std::fmt::Write as _;
    let open: Vec<&Case> =
        cases.iter().filter(|case| case.utility == utility && case.standing != Standing::Acknowledged).collect();
    let stops = open.iter().filter(|case| case.standing == Standing::Stops).count();
    let subject = match (stops, open.len()) {
        (0, 0) if is_checked => "nothing is open".to_owned(),
        (0, 0) => "not checked yet".to_owned(),
        (0, all) => format!("{all} to look at"),
        (stops, _) => format!("{stops} to mend before the month can be used"),
    };
    let mut text = format!("Subject: {utility}, deliveries of {month}: {subject}\n\nHello,\n\n");
    if open.is_empty() && !is_checked {
        let _ = writeln!(text, "the deliveries of {month} have not been checked yet.");
    } else if open.is_empty() {
        let _ = writeln!(text, "the deliveries of {month} were checked, and nothing is open.");
    } else {
        let _ = writeln!(text, "in the deliveries of {month} we found the following.");
    }
    for (at, case) in open.iter().enumerate() {
        let rows = if case.failed > 0 { format!(", {} rows", case.failed) } else { String::new() };
        let _ =
            writeln!(text, "\n{}. {} ({}{rows}, {})", at + 1, visible(&case.what), case.of.join(", "), case.standing.as_str());
        for evidence in &case.evidence {
            let _ = writeln!(text, "   - {}", visible(evidence));
        }
        if case.since < month {
            let _ = writeln!(text, "   - since {}", case.since);
        }
        let _ = writeln!(text, "   Please: {}", visible(&case.next_step));
    }
    if rejected > 0 {
        let _ = writeln!(text, "\nThe {rejected} rejected records are in the file beside this mail, with file, line and reason.");
    }
    text.push_str("\nThank you.\n");
    text
}
