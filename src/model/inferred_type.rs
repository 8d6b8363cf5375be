//! What most values of a column are, going by the values.
//!
//! Stands with each file in bronze since its load (`feederscope.inferred_types`): another way to judge asks for another tag.

/// Records of a file that are looked at: a column that changes changes throughout.
pub const SAMPLE_ROWS: u64 = 2000;
/// The share of a column's values that must be of a type.
const MOSTLY: f64 = 0.95;
/// Fewer values say nothing about a type.
const FEW: u64 = 5;

/// What a column holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum InferredType {
    /// `12`, `-0.5`, `1e3`.
    Numbers,
    /// `8/15/2021`, `2022-10-15 00:00:00`, `15.10.2022`.
    Dates,
    /// `21:53.0`.
    MinutesAndSeconds,
    /// None of them.
    Text,
}

impl InferredType {
    const ALL: [Self; 4] = [Self::Numbers, Self::Dates, Self::MinutesAndSeconds, Self::Text];

    /// The words shown.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Numbers => "numbers",
            Self::Dates => "dates",
            Self::MinutesAndSeconds => "minutes and seconds",
            Self::Text => "text",
        }
    }

    /// One letter, the first of the words; `-` for a column of which nothing can be told.
    pub fn letter(of: Option<Self>) -> char {
        of.and_then(|of| of.as_str().chars().next()).unwrap_or('-')
    }

    /// What a letter stands for.
    pub fn of_letter(letter: char) -> Option<Self> {
        Self::ALL.into_iter().find(|of| Self::letter(Some(*of)) == letter)
    }

    /// The type of one value, without blanks around.
    fn of(value: &str, decimal_mark: char) -> Self {
        let is_number = if decimal_mark != '.' && value.contains(decimal_mark) {
            value.replace(decimal_mark, ".").parse::<f64>().is_ok()
        } else {
            value.parse::<f64>().is_ok()
        };
        // No value is of two types.
        if is_number {
            Self::Numbers
        } else if is_date(value) {
            Self::Dates
        } else if is_minutes(value) {
            Self::MinutesAndSeconds
        } else {
            Self::Text
        }
    }
}

/// How many values of a column are of each type.
#[derive(Debug, Clone, Copy, Default)]
pub struct TypeCounts([u64; InferredType::ALL.len()]);

impl TypeCounts {
    /// Adds cells of a value that says something, without blanks around.
    pub fn add(&mut self, value: &str, cells: u64, decimal_mark: char) {
        self.0[InferredType::of(value, decimal_mark) as usize] += cells;
    }

    /// What most of them are; `None` where there are too few to tell, or none of the types is that of most.
    pub fn inferred(&self) -> Option<InferredType> {
        let all: u64 = self.0.iter().sum();
        let share = |of: InferredType| self.0[of as usize] as f64 / all as f64;
        let [typed @ .., text] = InferredType::ALL;
        let is_text = || typed.into_iter().all(|of| share(of) <= 1.0 - MOSTLY).then_some(text);
        if all < FEW { None } else { typed.into_iter().find(|of| share(*of) >= MOSTLY).or_else(is_text) }
    }
}

/// Three numbers with two signs between them, whatever follows.
fn is_date(text: &str) -> bool {
    let first = text.split([' ', 'T']).next().unwrap_or_default();
    let is_part = |part: &str| (1..=4).contains(&part.len()) && part.bytes().all(|b| b.is_ascii_digit());
    let mut parts = first.split(['/', '-', '.']);
    (0..3).all(|_| parts.next().is_some_and(is_part)) && parts.next().is_none()
}

fn is_minutes(text: &str) -> bool {
    let digits = |part: &str| !part.is_empty() && part.bytes().all(|b| b.is_ascii_digit() || b == b'.');
    text.split_once(':').is_some_and(|(minutes, seconds)| digits(minutes) && digits(seconds))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn value_is_of_one_type() {
        use InferredType::{Dates, MinutesAndSeconds, Numbers, Text};
        let of = |text| InferredType::of(text, '.');
        for (text, expected) in [
            ("12", Numbers),
            ("-0.5", Numbers),
            ("1e3", Numbers),
            (".5", Numbers),
            ("8/15/2021", Dates),
            ("2022-10-15T00:00:00", Dates),
            ("15.10.2022 12:30", Dates),
            ("1.2", Numbers),
            ("1.2.3", Dates),
            ("1-2-3-4", Text),
            ("12345-1-1", Text),
            ("1/2", Text),
            ("21:53.0", MinutesAndSeconds),
            ("21:53:00", Text),
            (":", Text),
            ("1,5", Text),
            ("Solar", Text),
        ] {
            assert_eq!(of(text), expected, "{text}");
        }
        assert_eq!(["1,5", "1.5", "1.000,5"].map(|text| InferredType::of(text, ',')), [Numbers, Numbers, Text]);
    }

    #[test]
    fn column_is_what_nineteen_of_twenty_values_are() {
        let inferred = |numbers, dates, text| {
            let mut counts = TypeCounts::default();
            for (value, cells) in [("1", numbers), ("1/2/2022", dates), ("x", text)] {
                counts.add(value, cells, '.');
            }
            counts.inferred()
        };
        assert_eq!(inferred(19, 0, 1), Some(InferredType::Numbers));
        assert_eq!(inferred(18, 1, 1), None);
        assert_eq!(inferred(1, 1, 18), Some(InferredType::Text));
        assert_eq!(inferred(2, 0, 18), None);
        assert_eq!(inferred(0, 5, 0), Some(InferredType::Dates));
        assert_eq!(inferred(0, 4, 0), None);
    }

    #[test]
    fn letters_stand_for_the_types() {
        let all = InferredType::ALL.map(Some).into_iter().chain([None]);
        let letters: String = all.clone().map(InferredType::letter).collect();
        assert_eq!(letters, "ndmt-");
        assert_eq!(letters.chars().map(InferredType::of_letter).collect::<Vec<_>>(), all.collect::<Vec<_>>());
    }
}
