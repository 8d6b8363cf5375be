//! Expressions → others that say the same and take less time.
//!
//! A short list of texts becomes some comparisons, a look for an expression in texts begins with a look for a letter, and a count of rows for
//! which something holds needs no column of numbers.

use polars::prelude::*;
use polars_plan::prelude::{AggExpr, BooleanFunction, FunctionExpr, FunctionOptions, LiteralValue, StringFunction};

use super::pattern::Pattern;

/// Texts that are compared sooner one by one.
pub(super) const FEW_TEXTS: usize = 16;

/// Whether a part of an expression is rewritten.
pub(super) fn is_slow(value: &Expr) -> bool {
    value.into_iter().any(|part| rewritten(part).is_some())
}

/// Rewrites the parts of an expression.
pub(super) fn made_fast(value: &mut Expr) {
    let whole = std::mem::replace(value, Expr::Len);
    *value = whole.map_expr(|part| rewritten(&part).unwrap_or(part));
}

fn rewritten(part: &Expr) -> Option<Expr> {
    compared(part).or_else(|| searched(part)).or_else(|| counted(part))
}

/// `value IN (texts)` as comparisons.
fn compared(part: &Expr) -> Option<Expr> {
    let Expr::Function { input, function: FunctionExpr::Boolean(BooleanFunction::IsIn { nulls_equal: false }) } = part else {
        return None;
    };
    let [value, Expr::Agg(AggExpr::Implode { input: list, .. })] = input.as_slice() else { return None };
    let Expr::Literal(LiteralValue::Series(list)) = list.as_ref() else { return None };
    let texts = list.str().ok().filter(|texts| texts.len() <= FEW_TEXTS && texts.null_count() == 0)?;
    texts.iter().flatten().map(|text| value.clone().eq(lit(text))).reduce(Expr::or)
}

/// `REGEXP_LIKE(text, 'expression')` as a function that knows what every match has.
fn searched(part: &Expr) -> Option<Expr> {
    let Expr::Function { input, function: FunctionExpr::StringExpr(StringFunction::Contains { literal: false, .. }) } = part
    else {
        return None;
    };
    let [text, Expr::Literal(pattern)] = input.as_slice() else { return None };
    let pattern = Pattern::of(pattern.extract_str()?).ok().filter(|pattern| pattern.needs_letter())?;
    let is_in = move |columns: &mut [Column]| {
        let texts = columns[0].str()?;
        let found: BooleanChunked = arity::unary_elementwise_values(texts, |text| pattern.is_in(text));
        Ok(found.into_series().into_column())
    };
    let field = |_: &Schema, fields: &[Field]| Ok(Field::new(fields[0].name().clone(), DataType::Boolean));
    let mut function = UserDefinedFunction::new("is_in".into(), BaseColumnUdf::new(is_in, field));
    function.options = FunctionOptions::elementwise();
    Some(function.call(vec![text.clone()]))
}

/// `SUM(CASE WHEN condition THEN 1 ELSE 0 END)` as a sum of truth.
fn counted(part: &Expr) -> Option<Expr> {
    let Expr::Agg(AggExpr::Sum(of)) = part else { return None };
    let Expr::Ternary { predicate, truthy, falsy } = of.as_ref() else { return None };
    let is = |value: &Expr, number: i64| match value {
        Expr::Literal(literal) => literal.clone().materialize().to_any_value().and_then(|value| value.extract()) == Some(number),
        _ => false,
    };
    (is(truthy, 1) && is(falsy, 0)).then(|| predicate.as_ref().clone().sum().cast(DataType::Int32))
}

#[cfg(test)]
mod tests {
    use polars::sql::SQLContext;

    use super::super::lookup::with_conditions;
    use super::*;

    fn rows() -> DataFrame {
        df!(
            "a" => [Some("x"), Some("xy"), None, Some(""), Some("12"), Some("1.5E+11"), Some("é")],
            "b" => [Some("p"), None, Some("p"), Some("q"), Some("q"), Some("q"), None],
            "n" => [Some(1_i64), Some(-1), None, Some(3), Some(4), Some(0), Some(2)]
        )
        .unwrap()
    }

    /// What a query says by the engine alone, and rewritten; whether it was.
    fn both(sql: &str) -> (DataFrame, DataFrame, bool) {
        let mut context = SQLContext::new();
        context.register("rows", rows().lazy());
        let plan = context.execute(sql).unwrap();
        let changed = with_conditions(plan.clone(), sql);
        let is_rewritten = format!("{:?}", plan.logical_plan) != format!("{:?}", changed.logical_plan);
        (plan.collect().unwrap(), changed.collect().unwrap(), is_rewritten)
    }

    #[test]
    fn rewritten_expressions_say_the_same() {
        for (values, is_expected) in [
            ("REGEXP_LIKE(a, '^[0-9.]+[eE][+][0-9]+$') AS v", true),
            ("REGEXP_LIKE(a, '(?i)^X|É') AS v", true),
            ("NOT REGEXP_LIKE(a, 'x') AND b IS NOT NULL AS v", true),
            // A text without a letter may match.
            ("REGEXP_LIKE(a, '^[0-9]+$') AS v", false),
            ("REGEXP_LIKE(a, 'x|') AS v", false),
            ("REGEXP_LIKE(a, b) AS v", false),
            ("SUM(CASE WHEN n > 0 THEN 1 ELSE 0 END) AS v", true),
            ("SUM(CASE WHEN n > 9 OR REGEXP_LIKE(a, 'x') THEN 1 ELSE 0 END) AS v, SUM(n) AS s", true),
            ("SUM(CASE WHEN n > 0 THEN 2 ELSE 0 END) AS v", false),
            ("SUM(CASE WHEN n > 0 THEN 1 ELSE 3 END) AS v", false),
            ("SUM(CASE WHEN n > 0 THEN n ELSE 0 END) AS v", false),
            ("COUNT(CASE WHEN n > 0 THEN 1 END) AS v", false),
        ] {
            for from in ["rows", "(SELECT * FROM rows WHERE n IS NULL) AS r", "(SELECT * FROM rows WHERE FALSE) AS r"] {
                let (plain, fast, is_rewritten) = both(&format!("SELECT {values} FROM {from}"));
                assert_eq!(plain.schema(), fast.schema(), "{values}");
                assert!(plain.equals_missing(&fast), "{values} of {from}: {plain:?} {fast:?}");
                assert_eq!(is_rewritten, is_expected, "{values}");
            }
        }
        let grouped = "SELECT b, SUM(CASE WHEN n > 0 THEN 1 ELSE 0 END) AS v, SUM(CASE WHEN n > 7 THEN 1 ELSE 0 END) AS w FROM rows GROUP BY b";
        let (plain, fast, is_rewritten) = both(&format!("{grouped} ORDER BY b NULLS LAST"));
        assert!(is_rewritten && plain.equals_missing(&fast), "{plain:?} {fast:?}");
        // By hand: `1.5E+11` alone is scientific; of the rows of q three have a number, of which two are above nought.
        let (_, found, _) = both("SELECT a FROM rows WHERE REGEXP_LIKE(a, '^[0-9.]+[eE][+][0-9]+$')");
        assert_eq!(found.column("a").unwrap().str().unwrap().iter().collect::<Vec<_>>(), [Some("1.5E+11")]);
        assert_eq!(fast.column("v").unwrap().i32().unwrap().to_vec(), [Some(1), Some(2), Some(1)]);
    }
}
