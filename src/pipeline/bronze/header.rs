//! A file's header → the names of its columns in bronze.

use std::collections::{HashMap, HashSet};

use crate::config::column_name;
use crate::frame::{Column, schema};
use crate::model::{Finding, ReasonCode};

/// Findings of one kind that are told one by one; of the others it is told how many there are.
const MOST_TOLD: usize = 20;

/// The columns' names in bronze: never blank, never twice (readers ignore case), without refused characters.
pub(super) fn names(labels: &[String], known: &[Column]) -> (Vec<String>, Vec<Finding>) {
    let mut taken: HashSet<String> = schema::bronze_lineage().iter().map(|column| column.name.to_lowercase()).collect();
    // How many columns have a name so far: the next one begins to look for a free one there.
    let mut copies: HashMap<String, usize> = HashMap::new();
    let (mut blank, mut twice) = (Vec::new(), Vec::new());
    let mut names = Vec::with_capacity(labels.len());
    for (at, label) in labels.iter().enumerate() {
        let wanted = if label.is_empty() { format!("column_{}", at + 1) } else { column_name(label) };
        if label.is_empty() {
            blank.push(format!("column {} is loaded as `{wanted}`", at + 1));
        }
        let mut chosen = wanted.clone();
        let copy = copies.entry(wanted.to_lowercase()).or_insert(1);
        while !taken.insert(chosen.to_lowercase()) {
            *copy += 1;
            chosen = format!("{wanted}_{copy}");
        }
        if chosen != wanted {
            twice.push(format!("`{wanted}` occurs twice; the later one is loaded as `{chosen}`"));
        }
        // A table cannot have a column in two spellings: the one that it has stays.
        let spelled = known.iter().find(|column| column.name.eq_ignore_ascii_case(&chosen)).map(|column| column.name.clone());
        names.push(spelled.unwrap_or(chosen));
    }
    let findings = [(ReasonCode::BlankHeader, blank), (ReasonCode::DuplicateLabel, twice)];
    (names, findings.into_iter().flat_map(|(reason, said)| told(reason, said)).collect())
}

/// Whether a column of bronze has no name in the file: it is a running number of the export, and says nothing of a record.
pub(crate) fn is_nameless(name: &str) -> bool {
    name.strip_prefix("column_").is_some_and(|place| !place.is_empty() && place.bytes().all(|byte| byte.is_ascii_digit()))
}

fn told(reason: ReasonCode, mut said: Vec<String>) -> Vec<Finding> {
    let more = said.len().saturating_sub(MOST_TOLD);
    said.truncate(MOST_TOLD);
    if more > 0 {
        said.push(format!("and so on: {more} further columns"));
    }
    said.into_iter().map(|said| Finding::of_file(reason, said).at(1)).collect()
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

    #[test]
    fn column_is_nameless_by_its_place_alone() {
        let found = ["column_1", "column_12", "column_", "column_type", "my_column_1", "Column"].map(is_nameless);
        assert_eq!(found, [true, true, false, false, false, false]);
    }

    #[test]
    fn thousands_of_one_name_are_told_apart_and_told_of_in_few_words() {
        let labels = vec!["x".to_owned(); 5_000];
        let (found, findings) = names(&labels, &[]);
        assert_eq!((found[0].as_str(), found[4_999].as_str()), ("x", "x_5000"));
        assert_eq!(found.iter().collect::<HashSet<_>>().len(), 5_000);
        let last = findings.last().and_then(|finding| finding.value.as_deref());
        assert_eq!((findings.len(), last), (MOST_TOLD + 1, Some("and so on: 4979 further columns")));
    }
}
