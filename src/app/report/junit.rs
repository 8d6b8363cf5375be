//! JUnit: a suite for each table and month, a case for each rule; what somebody acknowledged is skipped.

use quick_junit::{NonSuccessKind, Report, TestCase, TestCaseStatus, TestSuite};

use super::Content;
use crate::app::reads::cases::Standing;
use crate::app::reads::checks::Checked;
use crate::model::Severity;
use crate::pipeline::rules::RuleState;

pub(super) fn text(content: &Content) -> Result<String, quick_junit::SerializeError> {
    let mut report = Report::new(format!("feederscope {}", content.month));
    report.add_test_suite(cases(content));
    let mut tables: Vec<(&str, &str)> =
        content.checked.iter().map(|checked| (checked.utility.as_str(), checked.dataset.as_str())).collect();
    tables.sort_unstable();
    tables.dedup();
    for (utility, dataset) in tables {
        let mut suite = TestSuite::new(format!("{utility} {dataset} {}", content.month));
        let ours = content.checked.iter().filter(|checked| checked.utility == utility && checked.dataset == dataset);
        for checked in ours {
            let mut case = TestCase::new(checked.rule.clone(), status(checked));
            case.set_classname(format!("{utility}.{dataset}"));
            suite.add_test_case(case);
        }
        report.add_test_suite(suite);
    }
    report.to_string()
}

/// A test case for each case; what stops the month fails.
fn cases(content: &Content) -> TestSuite {
    let mut suite = TestSuite::new(format!("cases {}", content.month));
    for case in &content.cases {
        let mut status = match case.standing {
            Standing::Stops => TestCaseStatus::non_success(NonSuccessKind::Failure),
            Standing::Unknown => TestCaseStatus::non_success(NonSuccessKind::Error),
            Standing::ToLookAt | Standing::Acknowledged => TestCaseStatus::skipped(),
        };
        status.set_message(format!("{}; {}", case.evidence.join("; "), case.next_step));
        let mut test = TestCase::new(format!("{} ({})", case.what, case.of.join(", ")), status);
        test.set_classname(format!("{}.cases", case.utility));
        suite.add_test_case(test);
    }
    suite
}

/// Only an error that nobody acknowledged is a failure: what is less is told and does not stop a pipeline.
fn status(checked: &Checked) -> TestCaseStatus {
    let said = |checked: &Checked| {
        let detail = checked.detail.as_ref().map_or(String::new(), |detail| format!(": {detail}"));
        format!("{} of {} fail{detail}", checked.failed, checked.checked)
    };
    let message = |mut status: TestCaseStatus, text: String| {
        status.set_message(text);
        status
    };
    match (checked.state, &checked.acknowledged, checked.severity) {
        (RuleState::Passed, ..) => TestCaseStatus::success(),
        (RuleState::Failed, Some(by), _) => {
            let text = format!("{}; acknowledged by {} until {}: {}", said(checked), by.account, by.expires_on, by.reason);
            message(TestCaseStatus::skipped(), text)
        }
        (RuleState::Failed, None, Severity::Error) => {
            let mut status = TestCaseStatus::non_success(NonSuccessKind::Failure);
            status.set_type("error");
            message(status, said(checked))
        }
        (RuleState::Failed, None, severity) => message(TestCaseStatus::skipped(), format!("{severity}: {}", said(checked))),
        (RuleState::CouldNotCheck, ..) => {
            let text = checked.detail.clone().unwrap_or_default();
            message(TestCaseStatus::non_success(NonSuccessKind::Error), text)
        }
        (state, ..) => message(TestCaseStatus::skipped(), checked.detail.clone().unwrap_or_else(|| state.as_str().into())),
    }
}
