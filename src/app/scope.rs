//! What the console is about: one environment, month, utility and dataset, obeyed by every pane.

use crate::model::{Dataset, Month};

/// What is looked at; everything where it is silent.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Scope {
    /// The month; the newest that anything is known of without it.
    pub month: Option<Month>,
    /// The month that it is compared with; the one before without it.
    pub against: Option<Month>,
    /// One utility.
    pub utility: Option<String>,
    /// One dataset.
    pub dataset: Option<Dataset>,
}

impl Scope {
    /// Whether it takes a utility.
    pub fn has_utility(&self, utility: &str) -> bool {
        self.utility.as_ref().is_none_or(|only| only == utility)
    }

    /// Whether it takes a dataset, or what one is about: `feeders` are those of circuits, `ders` those of both others.
    pub fn has_dataset(&self, dataset: &str) -> bool {
        self.dataset.is_none_or(|only| {
            only.as_str() == dataset
                || match dataset {
                    "feeders" => only == Dataset::Circuits,
                    "ders" => only != Dataset::Circuits,
                    _ => false,
                }
        })
    }

    /// Whether it takes both.
    pub fn has(&self, utility: &str, dataset: &str) -> bool {
        self.has_utility(utility) && self.has_dataset(dataset)
    }
}

/// A step to another scope.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Rescope {
    /// So many months later.
    Step(isize),
    /// Another month.
    Month(Month),
    /// Another month to compare with; the one before without it.
    Against(Option<Month>),
    /// Another utility, or all.
    Utility(Option<String>),
    /// Another dataset, or all.
    Dataset(Option<Dataset>),
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dataset_takes_what_it_is_about() {
        let scope = Scope { dataset: Some(Dataset::Circuits), ..Scope::default() };
        assert!(scope.has("any", "circuits") && scope.has("any", "feeders") && !scope.has("any", "ders"));
        let scope = Scope { dataset: Dataset::parse("planned_der"), utility: Some("u".into()), ..Scope::default() };
        assert!(scope.has("u", "ders") && scope.has("u", "planned_der"));
        assert!(!scope.has("u", "install_der") && !scope.has("v", "ders"));
    }
}
