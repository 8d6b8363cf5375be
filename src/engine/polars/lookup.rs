//! Few values → conditions on rows.
//!
//! The engine joins whatever is looked up, even a list of four texts, and takes several times as long as a look into a set; what is a
//! condition is asked while a file is read.

use std::collections::HashSet;
use std::sync::{Arc, OnceLock};

use foldhash::fast::RandomState;
use polars::prelude::*;
use polars_plan::prelude::{DslPlan, FunctionOptions};

use super::expressions::{is_slow, made_fast};
use crate::frame::Keyed;

/// Rows that are few enough to be held as a set.
const FEW_ROWS: usize = 1 << 18;

/// What a query says that may be rewritten.
const WORDS: [&str; 5] = [" SEMI JOIN ", " ANTI JOIN ", " IN (", "REGEXP_LIKE(", " THEN 1 ELSE 0 END)"];

/// The same rows: what leaves the rows whose keys are among few in memory, or are not, is a condition, and so on for expressions.
pub(super) fn with_conditions(mut rows: LazyFrame, sql: &str) -> LazyFrame {
    if WORDS.iter().any(|word| sql.contains(word)) && is_wanted(&rows.logical_plan) {
        let optimizations = rows.get_current_optimizations();
        rewrite(&mut rows.logical_plan);
        rows = LazyFrame::from_logical_plan(rows.logical_plan, optimizations);
    }
    rows
}

fn is_wanted(plan: &DslPlan) -> bool {
    condition(plan).is_some() || expressions(plan).into_iter().any(is_slow) || inputs(plan).into_iter().any(is_wanted)
}

/// Whatever is not wanted stays shared with the plans that it is part of.
fn rewrite(plan: &mut DslPlan) {
    while let DslPlan::IR { dsl, .. } = plan {
        *plan = DslPlan::clone(dsl);
    }
    let through = |input: &mut Arc<DslPlan>| {
        if is_wanted(input) {
            rewrite(Arc::make_mut(input));
        }
    };
    match plan {
        DslPlan::Filter { input, .. }
        | DslPlan::Select { input, .. }
        | DslPlan::GroupBy { input, .. }
        | DslPlan::HStack { input, .. }
        | DslPlan::Distinct { input, .. }
        | DslPlan::Sort { input, .. }
        | DslPlan::Slice { input, .. }
        | DslPlan::MapFunction { input, .. }
        | DslPlan::Sink { input, .. } => through(input),
        DslPlan::Join { input_left, input_right, .. } => [input_left, input_right].into_iter().for_each(through),
        DslPlan::Union { inputs, .. } => inputs.iter_mut().filter(|input| is_wanted(input)).for_each(rewrite),
        _ => {}
    }
    match plan {
        DslPlan::Filter { predicate, .. } => made_fast(predicate),
        DslPlan::Select { expr: values, .. } | DslPlan::HStack { exprs: values, .. } => values.iter_mut().for_each(made_fast),
        DslPlan::GroupBy { keys, aggs, .. } => keys.iter_mut().chain(aggs).for_each(made_fast),
        _ => {}
    }
    if let Some(condition) = condition(plan) {
        *plan = condition;
    }
}

fn inputs(plan: &DslPlan) -> Vec<&DslPlan> {
    match plan {
        DslPlan::IR { dsl: input, .. }
        | DslPlan::Filter { input, .. }
        | DslPlan::Select { input, .. }
        | DslPlan::GroupBy { input, .. }
        | DslPlan::HStack { input, .. }
        | DslPlan::Distinct { input, .. }
        | DslPlan::Sort { input, .. }
        | DslPlan::Slice { input, .. }
        | DslPlan::MapFunction { input, .. }
        | DslPlan::Sink { input, .. } => vec![input],
        DslPlan::Join { input_left, input_right, .. } => vec![input_left, input_right],
        DslPlan::Union { inputs, .. } => inputs.iter().collect(),
        _ => Vec::new(),
    }
}

/// The expressions of a step that may be rewritten.
fn expressions(plan: &DslPlan) -> Vec<&Expr> {
    match plan {
        DslPlan::Filter { predicate, .. } => vec![predicate],
        DslPlan::Select { expr: values, .. } | DslPlan::HStack { exprs: values, .. } => values.iter().collect(),
        DslPlan::GroupBy { keys, aggs, .. } => keys.iter().chain(aggs).collect(),
        _ => Vec::new(),
    }
}

/// A semi or anti join with few rows in memory as a condition.
fn condition(plan: &DslPlan) -> Option<DslPlan> {
    let DslPlan::Join { input_left, input_right, left_on, right_on, predicates, options } = plan else { return None };
    let is_semi = options.args.how == JoinType::Semi;
    if !(is_semi || options.args.how == JoinType::Anti) || !predicates.is_empty() {
        return None;
    }
    let keys = Keys::of(input_right, right_on)?;
    let is_held = move |columns: &mut [Column]| Ok(keys.hold(columns)?.into_series().into_column());
    let field = |_: &Schema, _: &[Field]| Ok(Field::new("is_held".into(), DataType::Boolean));
    let mut function = UserDefinedFunction::new("is_held".into(), BaseColumnUdf::new(is_held, field));
    function.options = FunctionOptions::elementwise();
    let is_held = function.call(left_on.clone());
    Some(DslPlan::Filter { input: input_left.clone(), predicate: if is_semi { is_held } else { is_held.not() } })
}

/// The keys of few rows, of which those without one are like no other.
struct Keys {
    columns: Vec<Column>,
    held: OnceLock<HeldKeys>,
}

impl Keys {
    /// Those of rows in memory, by texts and whole numbers.
    fn of(rows: &DslPlan, by: &[Expr]) -> Option<Self> {
        let rows = match rows {
            DslPlan::IR { dsl, .. } => return Self::of(dsl, by),
            DslPlan::DataFrameScan { df, .. } if df.height() <= FEW_ROWS => df,
            _ => return None,
        };
        let column = |by: &Expr| if let Expr::Column(name) = by { rows.column(name).ok().cloned() } else { None };
        let columns = by.iter().map(column).collect::<Option<Vec<Column>>>()?;
        let are_comparable = columns.iter().all(|column| matches!(column.dtype(), DataType::String | DataType::Int64));
        are_comparable.then(|| Self { columns, held: OnceLock::new() })
    }

    /// They are put together when the first rows ask for them: not every plan that is named is run.
    fn held(&self) -> PolarsResult<&HeldKeys> {
        if let Some(held) = self.held.get() {
            return Ok(held);
        }
        let held = HeldKeys::of(&self.columns)?;
        Ok(self.held.get_or_init(|| held))
    }

    /// Of each row, whether its key is among them.
    fn hold(&self, columns: &[Column]) -> PolarsResult<BooleanChunked> {
        let (held, rows, mut key) = (self.held()?, Keyed::of(columns)?, Vec::new());
        let hashes = rows.hashes();
        let mut found = Vec::with_capacity(hashes.len());
        for (row, hash) in hashes.into_iter().enumerate() {
            found.push(hash.is_some_and(|hash| held.may_have(hash) && held.keys.contains(rows.key(row, &mut key))));
        }
        Ok(BooleanChunked::from_iter_values("is_held".into(), found.into_iter()))
    }
}

/// A set of keys. Most that are asked for are not among them, which a few bits for each tell without a look at the set's memory.
struct HeldKeys {
    keys: HashSet<Box<[u8]>, RandomState>,
    bits: Vec<u64>,
}

impl HeldKeys {
    /// Bits for each key, of which one is set.
    const BITS: usize = 16;

    fn of(columns: &[Column]) -> PolarsResult<Self> {
        let (rows, mut key) = (Keyed::of(columns)?, Vec::new());
        let hashes = rows.hashes();
        let whole = || hashes.iter().enumerate().filter_map(|(row, hash)| Some((row, (*hash)?)));
        let keys: HashSet<Box<[u8]>, RandomState> = whole().map(|(row, _)| Box::from(rows.key(row, &mut key))).collect();
        let words = (keys.len() * Self::BITS).div_ceil(64).next_power_of_two();
        let mut held = Self { keys, bits: vec![0; words] };
        for (_, hash) in whole() {
            let (word, bit) = held.place(hash);
            held.bits[word] |= bit;
        }
        Ok(held)
    }

    /// The word, of a power of two of them, and the bit in it that are a key's.
    const fn place(&self, hash: u64) -> (usize, u64) {
        ((hash >> 6) as usize & (self.bits.len() - 1), 1 << (hash & 63))
    }

    /// Whether a key of this hash may be among them.
    fn may_have(&self, hash: u64) -> bool {
        let (word, bit) = self.place(hash);
        self.bits[word] & bit != 0
    }
}

#[cfg(test)]
mod tests {
    use polars::sql::SQLContext;

    use super::super::expressions::FEW_TEXTS;
    use super::*;

    /// Rows whose parts of a key, put together, would be those of others; one of them is there twice, and some have parts without a value.
    fn rows() -> DataFrame {
        df!(
            "a" => [Some("x"), Some("xy"), Some("x"), None, Some(""), Some("a longer text than is held beside its length"), Some("x")],
            "b" => [Some("yz"), Some("z"), Some("yz"), Some("z"), None, Some(""), Some("")],
            "n" => [Some(1_i64), Some(-1), Some(1), Some(3), None, Some(i64::MAX), Some(0)],
            "r" => [1.0, 2.0, 1.0, 4.0, 5.0, 6.0, 7.0]
        )
        .unwrap()
    }

    /// What a query says of these rows and some of them, by the engine alone, and with conditions; whether there are joins or lists left.
    fn both(sql: &str, few: &DataFrame) -> (DataFrame, DataFrame, bool) {
        let mut context = SQLContext::new();
        context.register("rows", rows().lazy());
        context.register("few", few.clone().lazy());
        let plan = context.execute(sql).unwrap();
        let changed = with_conditions(plan.clone(), sql);
        let is_slow = |plan: &DslPlan| matches!(plan, DslPlan::Join { .. }) || asks_of_lists(plan);
        assert!(any(&plan.logical_plan, &is_slow), "{sql}");
        let is_left = any(&changed.logical_plan, &is_slow);
        (plan.collect().unwrap(), changed.collect().unwrap(), is_left)
    }

    fn any(plan: &DslPlan, holds: &dyn Fn(&DslPlan) -> bool) -> bool {
        holds(plan) || inputs(plan).into_iter().any(|input| any(input, holds))
    }

    /// Whether it asks of any list, a long one, too.
    fn asks_of_lists(plan: &DslPlan) -> bool {
        let is_list =
            |part: &Expr| matches!(part, Expr::Function { function: FunctionExpr::Boolean(BooleanFunction::IsIn { .. }), .. });
        match plan {
            DslPlan::Filter { predicate, .. } => predicate.into_iter().any(is_list),
            DslPlan::Select { expr: values, .. } | DslPlan::HStack { exprs: values, .. } => {
                values.iter().any(|value| value.into_iter().any(is_list))
            }
            DslPlan::GroupBy { keys, aggs, .. } => keys.iter().chain(aggs).any(|value| value.into_iter().any(is_list)),
            _ => false,
        }
    }

    #[test]
    fn rows_with_keys_among_few_are_those_of_the_join() {
        let all = rows();
        let some = [all.clone(), all.slice(0, 1), all.slice(1, 2), all.slice(3, 1), all.slice(4, 3), all.slice(0, 0)];
        for few in &some {
            for on in ["r.a = t.a", "r.n = t.n", "r.a = t.a AND r.b = t.b", "r.b = t.b AND r.n = t.n", "r.n = t.n AND r.r = t.r"]
            {
                let mut heights = 0;
                for kind in ["SEMI", "ANTI"] {
                    let sql = format!("SELECT r.a AS a, r.n AS n FROM rows AS r LEFT {kind} JOIN few AS t ON {on}");
                    let (joined, asked, is_left) = both(&sql, few);
                    assert_eq!(is_left, on.contains("r.r"), "{sql}");
                    assert!(joined.equals_missing(&asked), "{sql}: {joined:?} {asked:?}");
                    heights += asked.height();
                }
                assert_eq!(heights, all.height(), "each row is in one of them: {on}");
            }
        }
        // By hand: `x, yz` is among them once, and so are both rows of it; `xy, z` is another key, and without a part there is none.
        let keys = "FROM rows AS r LEFT SEMI JOIN few AS t ON r.a = t.a AND r.b = t.b";
        let (_, found, _) = both(&format!("SELECT r.n AS n {keys}"), &all.slice(0, 1));
        assert_eq!(found.column("n").unwrap().i64().unwrap().to_vec(), [Some(1), Some(1)]);
        assert_eq!(both(&format!("SELECT r.n AS n {keys}"), &all.slice(3, 2)).1.height(), 0);
    }

    /// What reads a view with a condition, or several, and what is written, has them too.
    #[test]
    fn joins_inside_of_a_plan_are_conditions_too() {
        let sql = "SELECT u.a AS a, COUNT(*) AS n FROM (\n\
            SELECT r.a AS a, r.n AS n FROM rows AS r LEFT SEMI JOIN few AS t ON r.a = t.a LEFT ANTI JOIN few AS o ON r.n = o.n\n\
            UNION ALL\nSELECT DISTINCT a, n FROM rows WHERE a IN ('x', 'y') OR NOT (b IN ('z'))) AS u GROUP BY u.a ORDER BY a NULLS LAST";
        let (joined, asked, is_left) = both(sql, &rows().slice(1, 2));
        assert!(!is_left && joined.equals_missing(&asked), "{joined:?} {asked:?}");
        assert!(asked.height() > 1);
    }

    #[test]
    fn short_lists_of_texts_are_comparisons() {
        let of = |condition: &str| both(&format!("SELECT a, ({condition}) AS held FROM rows"), &rows());
        for (condition, stays) in [
            ("a IN ('x', 'z')", false),
            ("NOT (a IN ('x', ''))", false),
            ("b NOT IN ('yz') OR a IN ('xy')", false),
            ("a IN ('x', NULL)", true),
            ("n IN (1, 3)", true),
        ] {
            let (listed, asked, is_left) = of(condition);
            assert!(listed.equals_missing(&asked), "{condition}: {listed:?} {asked:?}");
            assert_eq!(is_left, stays, "{condition}");
        }
        let list = (0..=FEW_TEXTS).map(|at| format!("'{at}'")).collect::<Vec<_>>().join(", ");
        assert!(of(&format!("a IN ({list})")).2);
        let (_, asked, _) = of("a IN ('x', 'z')");
        let held: Vec<Option<bool>> = asked.column("held").unwrap().bool().unwrap().iter().collect();
        assert_eq!(held, [Some(true), Some(false), Some(true), None, Some(false), Some(false), Some(true)]);
    }

    #[test]
    fn many_rows_stay_a_join() {
        let many = df!("n" => (0..=FEW_ROWS as i64).collect::<Vec<_>>()).unwrap();
        let sql = "SELECT r.n AS n FROM rows AS r LEFT SEMI JOIN few AS t ON r.n = t.n";
        let (joined, asked, is_left) = both(sql, &many);
        assert!(is_left && joined.height() == 4 && asked.height() == 4);
        assert!(!both(sql, &many.slice(0, FEW_ROWS)).2);
    }
}
