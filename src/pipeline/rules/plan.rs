//! A kind of rule → how it is evaluated: the one place above the settings that knows all kinds.

use super::context::EvaluationContext;
use super::figures::{self, Aggregate, Figure, Judge, State};
use super::{CheckResult, columns, deliveries, queries};
use crate::config::rules::{Check, Names, Subject};
use crate::frame::Frame;
use crate::pipeline::PipelineError;
use crate::pipeline::sql::{name, text};

/// How a rule is evaluated, and how its failing rows are shown.
pub(super) struct RulePlan<'r> {
    /// What is counted.
    pub(super) evaluation: Evaluation<'r>,
    /// The columns of its own subject that the rule asks about.
    pub(super) columns: Vec<&'r str>,
    /// The column that a failing row is shown with.
    pub(super) shown: Option<&'r str>,
    /// What is wrong, in one cell: the value, and what it was compared with; SQL.
    pub(super) value: String,
}

/// What a rule counts.
pub(super) enum Evaluation<'r> {
    /// Rows of the subject's relation for which a condition holds, counted together with those of other rules.
    Rows(String),
    /// The same of versions that began in the month, beside those that they follow.
    MovedRows(String),
    /// Numbers of the subject's relations, found together with those of other rules.
    Figures {
        /// The numbers.
        figures: Vec<Figure>,
        /// What they say.
        judge: Judge<'r>,
    },
    /// Records that are none, of which the numbers that are found together with those of other rules say whether there may be any.
    Strays {
        /// What a key says that is none, as an expression.
        pattern: &'r str,
    },
    /// Rows of the relation together.
    Relation {
        /// Whether the month before is needed.
        compares: Compares,
        /// Counts.
        count: Count<'r>,
        /// Names the rows that fail `failing`; `false` where there are none to show.
        failing: Failing<'r>,
    },
    /// The delivered file as a whole.
    Delivery {
        /// Counts.
        count: Count<'r>,
        /// The rows that fail, if the file has such rows.
        rows: Option<Rows<'r>>,
    },
}

/// Whether a rule needs the month before.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Compares {
    WithNothing,
    WithMonthBefore,
}

/// Subject and the rule's own condition, with `WHERE` before it.
pub(super) type Asked<'a> = (Subject, &'a str);
pub(super) type Count<'r> = Box<dyn Fn(&mut EvaluationContext<'_>, Asked<'_>) -> Result<CheckResult, PipelineError> + 'r>;
pub(super) type Failing<'r> = Box<dyn Fn(&mut EvaluationContext<'_>, Asked<'_>) -> Result<bool, PipelineError> + 'r>;
pub(super) type Rows<'r> = Box<dyn Fn(&mut EvaluationContext<'_>, Subject, usize) -> Result<Frame, PipelineError> + 'r>;

impl Evaluation<'_> {
    /// The numbers that it is judged by together with other rules.
    pub(super) fn figures(&self, subject: Subject) -> Vec<Figure> {
        let each = |state, aggregate| Figure::new(state, aggregate, queries::in_each_row(subject));
        match self {
            Self::Rows(fails) => vec![each(State::Now, Aggregate::Count), Figure::rows_where(State::Now, fails)],
            Self::MovedRows(fails) => vec![
                each(State::Moved, Aggregate::Count),
                Figure::rows_where(State::Moved, fails),
                each(State::Now, Aggregate::Rows),
            ],
            Self::Figures { figures, .. } => figures.clone(),
            Self::Strays { .. } | Self::Relation { .. } | Self::Delivery { .. } => Vec::new(),
        }
    }

    /// Whether it needs the month before.
    pub(super) fn compares(&self, subject: Subject) -> Compares {
        let compares = match self {
            Self::Relation { compares, .. } => *compares == Compares::WithMonthBefore,
            _ => self.figures(subject).iter().any(|figure| figure.state != State::Now),
        };
        if compares { Compares::WithMonthBefore } else { Compares::WithNothing }
    }

    /// What the numbers say.
    pub(super) fn judge(&self, numbers: &[Option<f64>]) -> CheckResult {
        match self {
            Self::Figures { judge, .. } => judge(numbers),
            _ => figures::counted(numbers),
        }
    }
}

impl<'r> RulePlan<'r> {
    /// The plan of a rule's kind and settings.
    #[expect(clippy::too_many_lines, reason = "one arm a kind, and no kind forgotten")]
    #[expect(clippy::redundant_closure_for_method_calls, reason = "a method of a type with a lifetime is not general enough")]
    pub(super) fn of(check: &'r Check) -> Self {
        match check {
            Check::NotNull { columns } => {
                let fails: Vec<String> = columns.iter().map(|column| format!("{} IS NULL", name(column))).collect();
                Self::rows(fails.join(" OR "), columns)
            }
            Check::AcceptedValues { column, values } => {
                let list: Vec<String> = values.iter().map(|value| text(value)).collect();
                Self::row(format!("{0} IS NOT NULL AND NOT ({0} IN ({1}))", name(column), list.join(", ")), column)
            }
            Check::Range { column, least, most } => {
                let below = least.map(|least| format!("{} < {least:?}", name(column)));
                let above = most.map(|most| format!("{} > {most:?}", name(column)));
                Self::row(below.into_iter().chain(above).collect::<Vec<_>>().join(" OR "), column)
            }
            Check::Pattern { column, pattern, matches } => {
                let not = if *matches { "NOT " } else { "" };
                Self::row(format!("{} IS NOT NULL AND {not}({})", name(column), matching(column, &pattern.0)), column)
            }
            Check::Parses { column } => {
                let cell = name(&format!("{column}_text"));
                Self { value: cell.clone(), ..Self::row(format!("{cell} IS NOT NULL AND {} IS NULL", name(column)), column) }
            }
            Check::DateOrder { earlier, later } => {
                let fails = format!("CAST({} AS DATE) < CAST({} AS DATE)", name(later), name(earlier));
                Self { columns: vec![earlier, later], value: pair(later, "before", &cast(earlier)), ..Self::row(fails, later) }
            }
            Check::Compare { left, operator, right } => {
                let is_number = right.parse::<f64>().is_ok();
                let other = if is_number { right.clone() } else { name(right) };
                let against = operator.opposite().as_str();
                let value = if is_number { cast(left) } else { pair(left, against, &cast(right)) };
                Self { columns: vec![left, right], value, ..Self::row(format!("{} {against} {other}", name(left)), left) }
            }
            Check::Sum { column, of, tolerance } => {
                let sum = of.iter().map(|part| name(part)).collect::<Vec<_>>().join(" + ");
                let columns = of.iter().chain([column]).map(String::as_str).collect();
                let value = pair(column, "against", &format!("CAST({sum} AS VARCHAR)"));
                Self { columns, value, ..Self::row(format!("ABS({} - ({sum})) > {tolerance:?}", name(column)), column) }
            }
            Check::Change { column, most } => {
                let was = was(column);
                Self::moved(format!("ABS({0} - {was}) > {1:?} * ABS({was})", name(column), most.0), column)
            }
            Check::UnitShift { column, factor } => {
                let (now, was) = (name(column), was(column));
                let about = |big: &str, small: &str| {
                    let (low, high) = (factor.0 * 0.8, factor.0 * 1.2);
                    format!("({small} > 0.0 AND {big} >= {low:?} * {small} AND {big} <= {high:?} * {small})")
                };
                Self::moved(format!("{} OR {}", about(&now, &was), about(&was, &now)), column)
            }
            Check::MedianUnitShift { column, factor } => {
                let median = |state| Figure::new(state, Aggregate::Median, name(column));
                let judge = |numbers: &[_]| figures::median_shift(numbers, column, factor.0);
                Self::figures(column, vec![median(State::Now), median(State::Before)], Box::new(judge))
            }
            Check::Unique { columns } => Self::together(
                names(columns),
                (
                    Compares::WithNothing,
                    Box::new(|context, (subject, filter)| context.counted(&queries::unique(subject.as_str(), columns, filter))),
                ),
                Box::new(|context, (subject, filter)| {
                    context.name_failing(&queries::rows_that_share(subject.as_str(), columns, filter))
                }),
            ),
            Check::Constant { columns, within } => Self {
                columns: columns.iter().chain([within]).map(String::as_str).collect(),
                ..Self::together(
                    names(columns),
                    (
                        Compares::WithNothing,
                        Box::new(|context, (subject, filter)| {
                            context.counted(&queries::constant(subject.as_str(), columns, within, filter))
                        }),
                    ),
                    Box::new(|context, (subject, filter)| {
                        let groups = queries::inconsistent_groups(subject.as_str(), columns, within, filter);
                        context.session.create_view("groups", &groups)?;
                        context.name_failing(&queries::rows_of_inconsistent_groups(subject.as_str(), within))
                    }),
                )
            },
            Check::Overlap { column, with } => Self::together(
                vec![column],
                (
                    Compares::WithNothing,
                    Box::new(|context, (subject, filter)| {
                        let known = queries::known(subject.as_str(), column, with);
                        context.counted_among(&known, &queries::found_in(subject.as_str(), column, filter, true))
                    }),
                ),
                Box::new(|context, (subject, filter)| {
                    context.session.create_view("known", &queries::known(subject.as_str(), column, with))?;
                    context.name_failing(&queries::rows_found(subject.as_str(), column, filter, true))
                }),
            ),
            Check::Reference { column, to } => Self::together(
                vec![column],
                (
                    Compares::WithNothing,
                    Box::new(|context, (subject, filter)| {
                        if !context.register(to.subject, to.subject.as_str())? {
                            return Ok(CheckResult::Unchecked(format!("there are no {} to refer to", to.subject)));
                        }
                        let known = queries::known(to.subject.as_str(), &to.column, "TRUE");
                        context.counted_among(&known, &queries::found_in(subject.as_str(), column, filter, false))
                    }),
                ),
                Box::new(|context, (subject, filter)| {
                    context.register(to.subject, to.subject.as_str())?;
                    context.session.create_view("known", &queries::known(to.subject.as_str(), &to.column, "TRUE"))?;
                    context.name_failing(&queries::rows_found(subject.as_str(), column, filter, false))
                }),
            ),
            Check::DistinctShare { column, least, most } => {
                let now = |aggregate| Figure::new(State::Now, aggregate, name(column));
                let judge = |numbers: &[_]| figures::distinct_share(numbers, least.map(|least| least.0), most.map(|most| most.0));
                Self::figures(column, vec![now(Aggregate::Count), now(Aggregate::Distinct)], Box::new(judge))
            }
            Check::Vanished {} => Self::together(
                Vec::new(),
                (Compares::WithMonthBefore, Box::new(|context, asked| context.vanished(asked))),
                Box::new(|context, asked| context.name_vanished(asked)),
            ),
            Check::StrayRecord { pattern } => Self {
                evaluation: Evaluation::Strays { pattern: &pattern.0 },
                columns: Vec::new(),
                shown: None,
                value: cast("record_key"),
            },
            Check::OtherNotation {} => Self {
                value: cast("record_key"),
                ..Self::together(
                    Vec::new(),
                    (Compares::WithNothing, Box::new(|context, asked| context.shared_notations(asked))),
                    Box::new(|context, (subject, filter)| {
                        context.session.create_view("plain", &queries::plain_ids(subject.as_str(), filter))?;
                        context.name_failing(queries::ROWS_OF_ONE_NOTATION)
                    }),
                )
            },
            Check::ShareFalls { column, values, most } => {
                let list: Vec<String> = values.iter().map(|value| text(value)).collect();
                let is_one = format!("{} IN ({})", name(column), list.join(", "));
                let of = |state| [Figure::rows_where(state, &is_one), Figure::new(state, Aggregate::Count, name(column))];
                let judge = |numbers: &[_]| figures::share_falls(numbers, most.0);
                Self::figures(column, [of(State::Now), of(State::Before)].concat(), Box::new(judge))
            }
            Check::SumMoves { column, most } => {
                let by = Figure::new(State::Moved, Aggregate::Sum, format!("{} - {}", name(column), was(column)));
                let before = Figure::new(State::Before, Aggregate::Sum, name(column));
                Self::figures(column, vec![by, before], Box::new(|numbers| figures::sum_moves(numbers, most.0)))
            }
            Check::Sql { query } => Self::together(
                Vec::new(),
                (Compares::WithNothing, Box::new(|context, asked| context.query_of_rule(asked, query))),
                Box::new(|context, (_, filter)| {
                    context.register_named_in(query)?;
                    context.session.create_view("found", query)?;
                    context.name_failing(&format!("SELECT * FROM found{filter}"))
                }),
            ),
            Check::Rejected { reasons } => Self::delivery(
                Vec::new(),
                Box::new(|context, (subject, _)| deliveries::rejected(context, subject, reasons)),
                Some(Box::new(|context, subject, limit| deliveries::rejected_rows(context, subject, reasons, limit))),
            ),
            Check::Ledger {} => {
                Self::delivery(Vec::new(), Box::new(|context, (subject, _)| deliveries::ledger(context, subject)), None)
            }
            Check::DamagedCells {} => {
                Self::delivery(Vec::new(), Box::new(|context, (subject, _)| columns::damaged(context, subject)), None)
            }
            Check::ReadableColumns { most, except } => Self::delivery(
                Vec::new(),
                Box::new(|context, (subject, _)| {
                    columns::readable(context, subject, most.0, except.as_deref().unwrap_or_default())
                }),
                None,
            ),
            Check::MappedColumns {} => {
                Self::delivery(Vec::new(), Box::new(|context, (subject, _)| columns::mapped(context, subject)), None)
            }
            Check::KnownKeys { least } => {
                Self::delivery(Vec::new(), Box::new(|context, (subject, _)| columns::known_keys(context, subject, least.0)), None)
            }
            Check::Volume { months, most } => Self::delivery(
                Vec::new(),
                Box::new(|context, (subject, _)| deliveries::volume(context, subject, months.get(), most.0)),
                None,
            ),
            Check::Freshness { worst } => Self::delivery(
                Vec::new(),
                Box::new(|context, (subject, _)| deliveries::freshness(context, subject, worst.0)),
                None,
            ),
            Check::RefreshAge { most_days } => Self::delivery(
                vec![REFRESH_DATE],
                Box::new(|context, (subject, _)| deliveries::refresh_age(context, subject, *most_days)),
                None,
            ),
            Check::RefreshInFuture {} => Self::delivery(
                vec![REFRESH_DATE],
                Box::new(|context, (subject, _)| deliveries::refresh_in_future(context, subject)),
                None,
            ),
            Check::RefreshGoesBack {} => Self::delivery(
                vec![REFRESH_DATE],
                Box::new(|context, (subject, _)| deliveries::refresh_goes_back(context, subject)),
                None,
            ),
            Check::Schema { drift } => Self::delivery(
                Vec::new(),
                Box::new(|context, (subject, _)| context.schema(subject, *drift)),
                Some(Box::new(|context, subject, _| context.schema_rows(subject, *drift))),
            ),
        }
    }

    /// Single rows, shown with the first of the columns that are asked about.
    fn rows(fails: String, columns: &'r Names) -> Self {
        let (columns, shown) = (names(columns), columns.first().map(String::as_str));
        Self { evaluation: Evaluation::Rows(fails), columns, shown, value: shown.map_or_else(nothing, cast) }
    }

    fn row(fails: String, column: &'r str) -> Self {
        Self { evaluation: Evaluation::Rows(fails), columns: vec![column], shown: Some(column), value: cast(column) }
    }

    fn moved(fails: String, column: &'r str) -> Self {
        let value = pair(column, "after", &format!("CAST({} AS VARCHAR)", was(column)));
        Self { evaluation: Evaluation::MovedRows(fails), value, ..Self::row(String::new(), column) }
    }

    fn figures(column: &'r str, figures: Vec<Figure>, judge: Judge<'r>) -> Self {
        Self { evaluation: Evaluation::Figures { figures, judge }, ..Self::row(String::new(), column) }
    }

    fn together(columns: Vec<&'r str>, (compares, count): (Compares, Count<'r>), failing: Failing<'r>) -> Self {
        let shown = columns.first().copied();
        let value = shown.map_or_else(nothing, cast);
        Self { evaluation: Evaluation::Relation { compares, count, failing }, columns, shown, value }
    }

    fn delivery(columns: Vec<&'r str>, count: Count<'r>, rows: Option<Rows<'r>>) -> Self {
        Self { evaluation: Evaluation::Delivery { count, rows }, columns, shown: None, value: nothing() }
    }
}

/// The column of the utility's own refresh date.
const REFRESH_DATE: &str = "hca_refresh_date";

fn names(columns: &Names) -> Vec<&str> {
    columns.iter().map(String::as_str).collect()
}

fn was(column: &str) -> String {
    name(&format!("was_{column}"))
}

fn nothing() -> String {
    "CAST(NULL AS VARCHAR)".into()
}

fn cast(column: &str) -> String {
    format!("CAST({} AS VARCHAR)", name(column))
}

/// A column's value and what it was compared with.
fn pair(column: &str, sign: &str, other: &str) -> String {
    format!("COALESCE({}, 'null') || {} || COALESCE({other}, 'null')", cast(column), text(&format!(" {sign} ")))
}

/// Whether a column's text matches an expression; one that only a single text matches is not run.
fn matching(column: &str, pattern: &str) -> String {
    let whole = pattern.strip_prefix('^').and_then(|pattern| pattern.strip_suffix('$'));
    match whole.filter(|whole| regex::escape(whole) == **whole) {
        Some(only) => format!("{} = {}", name(column), text(only)),
        None => format!("REGEXP_LIKE({}, {})", name(column), text(pattern)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::RuleSet;

    /// Which months are asked again depends on it.
    #[test]
    fn rules_that_need_the_month_before_are_those_that_say_so() {
        let (rules, _) = RuleSet::load(std::path::Path::new("/nowhere"));
        let mut kinds = std::collections::BTreeSet::new();
        for rule in &rules.rules {
            let evaluation = RulePlan::of(&rule.check).evaluation;
            let compares = rule.on.iter().any(|subject| evaluation.compares(*subject) == Compares::WithMonthBefore);
            // What is known of keys stands in a table.
            let compares = compares || matches!(rule.check, Check::KnownKeys { .. });
            assert_eq!(rule.compares_months(), compares, "{}", rule.id);
            kinds.extend(compares.then(|| rule.kind()));
        }
        assert_eq!(kinds.len(), 7, "{kinds:?}");
    }

    /// Whether a text matches, as the expressions' own library has it.
    #[test]
    fn expressions_match_what_they_match() {
        let column = crate::frame::Column::new("v", crate::frame::ColumnType::Text);
        let texts =
            ["Unmapped", "unmapped", "Unmapped\n", "not Unmapped", "a b", "a.b", "axb", "a$", "a", "b", "", "it's", "^a", "a\\"];
        let rows: Vec<Vec<_>> = texts.iter().map(|text| vec![crate::frame::Value::Text((*text).into())]).collect();
        let mut session = crate::engine::local().session(&crate::model::Cancel::default()).unwrap();
        session.register("t", &Frame::from_rows(&[column], &rows).unwrap().relation()).unwrap();
        for pattern in [
            "^Unmapped$",
            "Unmapped",
            "^a b$",
            "^a.b$",
            "^a\\$",
            "^a|b$",
            "^$",
            "^",
            "$",
            "^it's$",
            "^(a|b)$",
            "^^a$",
            "^a$$",
            "a$",
        ] {
            let found = session.query(&format!("SELECT v FROM t WHERE {}", matching("v", pattern))).unwrap();
            let regex = regex::Regex::new(pattern).unwrap();
            let expected: Vec<&str> = texts.into_iter().filter(|text| regex.is_match(text)).collect();
            assert_eq!(found.texts("v").collect::<Vec<_>>(), expected, "{pattern}");
        }
        assert_eq!(matching("v", "^it's$"), "\"v\" = 'it''s'");
        assert!(matching("v", "^a.b$").starts_with("REGEXP_LIKE"));
    }
}
