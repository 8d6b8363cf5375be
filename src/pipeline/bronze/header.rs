//! A file's header → the names of its columns in bronze.

use std::collections::HashSet;

use crate::config::column_name;
use crate::frame::{Column, schema};
use crate::model::{Finding, ReasonCode};

/// The columns' names in bronze: never blank, never twice (readers ignore case), without refused characters.
pub(super) fn names(labels: &[String], known: &[Column]) -> (Vec<String>, Vec<Finding>) {
    let mut taken: HashSet<String> = schema::bronze_lineage().iter().map(|column| column.name.to_lowercase()).collect();
    let mut findings = Vec::new();
    let mut names = Vec::with_capacity(labels.len());
    for (at, label) in labels.iter().enumerate() {
        let wanted = if label.is_empty() { format!("column_{}", at + 1) } else { column_name(label) };
        if label.is_empty() {
            findings.push(Finding::of_file(ReasonCode::BlankHeader, format!("column {} is loaded as `{wanted}`", at + 1)).at(1));
        }
        let mut chosen = wanted.clone();
        let mut copy = 2;
        while !taken.insert(chosen.to_lowercase()) {
            chosen = format!("{wanted}_{copy}");
            copy += 1;
        }
        if chosen != wanted {
            findings.push(
                Finding::of_file(
                    ReasonCode::DuplicateLabel,
                    format!("`{wanted}` occurs twice; the later one is loaded as `{chosen}`"),
                )
                .at(1),
            );
        }
        // A table cannot have a column in two spellings: the one that it has stays.
        let spelled = known.iter().find(|column| column.name.eq_ignore_ascii_case(&chosen)).map(|column| column.name.clone());
        names.push(spelled.unwrap_or(chosen));
    }
    (names, findings)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::frame::ColumnType;

    #[test]
    fn odd_headers_get_names_that_every_reader_takes() {
        let labels = ["", "Feeder ID", "a", "A", "_run_id"].map(str::to_owned);
        let (found, findings) = names(&labels, &[Column::new("feeder_id", ColumnType::Text)]);
        assert_eq!(found, ["column_1", "feeder_id", "a", "A_2", "_run_id_2"]);
        let codes: Vec<_> = findings.iter().map(|finding| finding.reason.as_str()).collect();
        assert_eq!(codes, ["blank-header", "duplicate-label", "duplicate-label"]);
    }
}
