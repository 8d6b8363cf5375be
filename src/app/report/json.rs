//! JSON: everything, for programs.

use serde_json::{Value, json};

use super::{Content, word};
use crate::app::reads::cases::Case;
use crate::app::reads::checks::{Checked, Score};
use crate::app::reads::missing::Heatmap;
use crate::app::reads::months::Series;

pub(super) fn text(content: &Content) -> serde_json::Result<String> {
    let missing: Vec<Value> = content.missing.iter().flat_map(cells).collect();
    let differences: Vec<Value> = content.months.iter().flat_map(differences).collect();
    let report = json!({
        "delivery_month": content.month.to_string(),
        "as_of": content.today.to_string(),
        "environment": content.environment.as_str(),
        "verdict": content.verdict(),
        "cases": content.cases.iter().map(case).collect::<Vec<_>>(),
        "rules": content.checked.iter().map(|checked| outcome(content, checked)).collect::<Vec<_>>(),
        "calendar": calendar(content),
        "column_quality": missing,
        "month_diff": differences,
        "scorecard": content.scores.iter().map(score).collect::<Vec<_>>(),
    });
    Ok(serde_json::to_string_pretty(&report)? + "\n")
}

fn case(case: &Case) -> Value {
    let outcomes: Vec<Value> = case
        .outcomes
        .iter()
        .map(|checked| json!({"rule_id": checked.rule, "dataset": checked.dataset, "outcome": word(checked)}))
        .collect();
    json!({
        "utility_id": case.utility,
        "cause": case.cause.as_str(),
        "standing": case.standing.as_str(),
        "severity": case.severity.as_str(),
        "what": case.what,
        "datasets": case.of,
        "failing_since": case.since.to_string(),
        "failed_count": case.failed,
        "evidence": case.evidence,
        "owner": case.owner,
        "next_step": case.next_step,
        "outcomes": outcomes,
    })
}

fn outcome(content: &Content, checked: &Checked) -> Value {
    let acknowledged = checked
        .acknowledged
        .as_ref()
        .map(|by| json!({"account": by.account, "reason": by.reason, "until": by.expires_on.to_string()}));
    json!({
        "utility_id": checked.utility,
        "dataset": checked.dataset,
        "rule_id": checked.rule,
        "severity": checked.severity.as_str(),
        "outcome": word(checked),
        "checked_count": checked.checked,
        "failed_count": checked.failed,
        "threshold": checked.threshold,
        "failing_since": checked.failing_since.map(|month| month.to_string()),
        "detail": checked.detail,
        "acknowledged": acknowledged,
        "next_step": content.rules.rule(&checked.rule).map(|rule| rule.next_step.as_str()),
    })
}

fn calendar(content: &Content) -> Vec<Value> {
    let mut days = Vec::new();
    for (utility, of_utility) in &content.calendar.utilities {
        for (month, day) in content.calendar.months.iter().zip(of_utility) {
            days.push(json!({
                "utility_id": utility,
                "delivery_month": month.to_string(),
                "state": day.delivery.as_str(),
                "loaded": day.loaded,
                "owed": day.expected,
                "refused": day.refused,
                "redelivered": day.redelivered,
                "repeated": day.repeated,
            }));
        }
    }
    days
}

fn cells(map: &Heatmap) -> Vec<Value> {
    let mut cells = Vec::new();
    for column in &map.columns {
        for (month, cell) in map.months.iter().zip(&column.cells) {
            let Some(cell) = cell else { continue };
            cells.push(json!({
                "utility_id": map.utility,
                "dataset": map.dataset,
                "column_name": column.name,
                "delivery_month": month,
                "row_count": cell.rows,
                "null_count": cell.empty,
                "sentinel_count": cell.sentinel,
                "invalid_count": cell.invalid,
                "absent": cell.absent,
            }));
        }
    }
    cells
}

fn differences(series: &Series) -> Vec<Value> {
    let field = |(column, changed, cosmetic): &(String, u64, u64)| json!({"column_name": column, "changed": changed, "cosmetic": cosmetic});
    let month = |line: &crate::app::reads::months::MonthLine| {
        json!({
            "utility_id": series.utility,
            "dataset": series.dataset,
            "delivery_month": line.month,
            "row_count": line.rows,
            "previous_row_count": line.previous_rows,
            "added": line.added,
            "changed": line.changed,
            "removed": line.removed,
            "unchanged": line.unchanged,
            "fields": line.fields.iter().map(field).collect::<Vec<_>>(),
        })
    };
    series.months.iter().map(month).collect()
}

fn score(score: &Score) -> Value {
    let failures: Vec<Value> = score
        .failures
        .iter()
        .map(|(month, errors, warnings)| json!({"delivery_month": month.to_string(), "errors": errors, "warnings": warnings}))
        .collect();
    json!({
        "utility_id": score.utility,
        "months": score.months,
        "repeated": score.repeated,
        "rejected_share": score.rejected_share,
        "days_late": score.days_late,
        "failures": failures,
    })
}
