//! The events of runs as `OpenLineage` has them (<https://openlineage.io/spec/2-0-2/OpenLineage.json>): which files and tables a run read,
//! what it wrote, and what the rules say of it.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::time::Duration;

use serde_json::{Value, json};
use url::Url;

use crate::config::rules::Subject;
use crate::lake::{Lake, Snapshot, TableId};
use crate::model::{Severity, UtilityId};
use crate::outbound::{Destination, File, Http, Outbox};
use crate::pipeline::bronze::LoadOutcome;
use crate::pipeline::progress::Observer;
use crate::pipeline::rules::{RuleOutcome, RuleState};
use crate::pipeline::{FileOutcome, FileResult, PipelineError, Progress, Report, tables};

/// Who makes these events.
const PRODUCER: &str = concat!("urn:feederscope:", env!("CARGO_PKG_VERSION"));
/// How long a command waits, at its end, for a receiver.
const LAST_WORDS: Duration = Duration::from_secs(5);

/// Who gets the events.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Receiver {
    /// A file that grows by a line an event.
    File(PathBuf),
    /// An address that takes an event a request.
    Http(Url),
}

impl Receiver {
    /// An address of the web, or the path of a file; `None` for an address of another kind.
    pub fn parse(text: &str) -> Option<Self> {
        match address(text) {
            Some(url) => Some(Self::Http(url)),
            None if text.contains("://") => None,
            None => Some(Self::File(text.into())),
        }
    }

    /// The receiver as a destination; a key goes with each request.
    pub fn destination(self, key: Option<String>) -> Box<dyn Destination> {
        match self {
            Self::File(path) => Box::new(File(path)),
            Self::Http(url) => Box::new(Http::new(url, key)),
        }
    }
}

/// An address of the web.
pub fn address(text: &str) -> Option<Url> {
    Url::parse(text).ok().filter(|url| matches!(url.scheme(), "http" | "https") && url.has_host())
}

/// What tells one run to a receiver.
pub struct Lineage<'a> {
    lake: &'a Lake,
    outbox: &'a Outbox,
    observer: &'a dyn Observer,
    begun: Mutex<Option<Begun>>,
}

struct Begun {
    run_id: String,
    /// The tables as they were.
    tables: BTreeMap<TableId, std::sync::Arc<Snapshot>>,
}

impl Observer for Lineage<'_> {
    fn began(&self, run_id: &str) {
        let begun = Begun { run_id: run_id.to_owned(), tables: states(self.lake) };
        self.outbox.put(self.event("START", run_id, &json!({}), (&[], &[])));
        if let Ok(mut slot) = self.begun.lock() {
            *slot = Some(begun);
        }
        self.observer.began(run_id);
    }

    fn progress(&self, progress: Progress) {
        self.observer.progress(progress);
    }
}

/// The tables that can be read.
fn states(lake: &Lake) -> BTreeMap<TableId, std::sync::Arc<Snapshot>> {
    let readable = |table: TableId| lake.snapshot(&table).ok().flatten().map(|snapshot| (table, snapshot));
    lake.all_tables().into_iter().filter_map(readable).collect()
}

impl<'a> Lineage<'a> {
    /// Tells of a run over a lake; whoever watches its progress goes on watching it.
    pub const fn new(lake: &'a Lake, outbox: &'a Outbox, observer: &'a dyn Observer) -> Self {
        Self { lake, outbox, observer, begun: Mutex::new(None) }
    }

    /// Tells how the run ended. Of one that did not begin, since somebody else wrote, nothing is told.
    pub fn ended(self, result: Result<&Report, &PipelineError>) {
        self.closed(result.map_err(|error| match error {
            PipelineError::Cancelled => None,
            error => Some(error.to_string()),
        }));
    }

    /// Tells that it broke down.
    pub fn broke_down(self) {
        self.closed(Err(Some("the run broke down".into())));
    }

    /// A report, or why there is none; nothing where somebody asked the run to stop.
    fn closed(self, result: Result<&Report, Option<String>>) {
        let Ok(Some(begun)) = self.begun.lock().map(|mut begun| begun.take()) else { return };
        let outputs = self.written(&begun);
        let error = |message: &str| {
            let facet = json!({ "message": message, "programmingLanguage": "RUST" });
            json!({ "errorMessage": run_facet("1-0-1/ErrorMessageRunFacet", facet) })
        };
        let (kind, facets, inputs) = match result {
            Ok(report) if report.failed.is_empty() => ("COMPLETE", json!({}), self.read(report)),
            Ok(report) => {
                let failed: Vec<String> = report.failed.iter().map(|(utility, error)| format!("{utility}: {error}")).collect();
                ("FAIL", error(&failed.join("; ")), self.read(report))
            }
            Err(None) => ("ABORT", json!({}), Vec::new()),
            Err(Some(failure)) => ("FAIL", error(&failure), Vec::new()),
        };
        self.outbox.put(self.event(kind, &begun.run_id, &facets, (&inputs, &outputs)));
    }

    fn event(&self, kind: &str, run_id: &str, facets: &Value, (inputs, outputs): (&[Value], &[Value])) -> Value {
        let engine = json!({ "version": env!("CARGO_PKG_VERSION"), "name": "feederscope" });
        let mut run_facets = json!({ "processing_engine": run_facet("1-1-1/ProcessingEngineRunFacet", engine) });
        if let (Some(all), Some(more)) = (run_facets.as_object_mut(), facets.as_object()) {
            all.extend(more.clone());
        }
        let job = json!({ "processingType": "BATCH", "integration": "FEEDERSCOPE", "jobType": "JOB" });
        json!({
            "eventType": kind,
            "eventTime": jiff::Timestamp::now().to_string(),
            "producer": PRODUCER,
            "schemaURL": "https://openlineage.io/spec/2-0-2/OpenLineage.json#/$defs/RunEvent",
            "run": { "runId": run_id, "facets": run_facets },
            "job": {
                "namespace": format!("feederscope.{}", self.lake.env()),
                "name": "load",
                "facets": { "jobType": run_facet("2-0-4/JobTypeJobFacet", job) },
            },
            "inputs": inputs,
            "outputs": outputs,
        })
    }

    /// The files that the run looked at, and the tables that its rules did, with what they say.
    fn read(&self, report: &Report) -> Vec<Value> {
        let is_new = |file: &&FileOutcome| file.outcome != FileResult::Known;
        let mut inputs: Vec<Value> = report.files.iter().filter(is_new).map(file_read).collect();
        let mut outcomes: BTreeMap<TableId, Vec<Value>> = BTreeMap::new();
        for outcome in &report.outcomes {
            if let Some(table) = table_of(outcome) {
                outcomes.entry(table).or_default().extend(assertion(outcome));
            }
        }
        inputs.extend(outcomes.into_iter().filter(|(_, assertions)| !assertions.is_empty()).map(|(table, assertions)| {
            let facet = run_facet("1-1-0/DataQualityAssertionsDatasetFacet", json!({ "assertions": assertions }));
            let mut input = dataset(&self.lake.path(&table));
            input["inputFacets"] = json!({ "dataQualityAssertions": facet });
            input
        }));
        inputs
    }

    /// The tables that are others than before, with what was written into them.
    fn written(&self, begun: &Begun) -> Vec<Value> {
        let changed = |(table, now): (TableId, std::sync::Arc<Snapshot>)| {
            let before = begun.tables.get(&table);
            if before.is_some_and(|before| before.version == now.version) {
                return None;
            }
            let is_new = |path: &str| before.is_none_or(|before| !before.files.iter().any(|file| file.path() == path));
            let new: Vec<_> = now.files.iter().filter(|file| is_new(file.path())).collect();
            let statistics = json!({
                "rowCount": new.iter().map(|file| file.rows).sum::<u64>(),
                "size": new.iter().map(|file| file.bytes).sum::<u64>(),
                "fileCount": new.len(),
            });
            let mut output = dataset(&self.lake.path(&table));
            output["facets"] = json!({
                "version": run_facet("1-0-1/DatasetVersionDatasetFacet", json!({ "datasetVersion": now.version.to_string() })),
            });
            output["outputFacets"] =
                json!({ "outputStatistics": run_facet("1-0-2/OutputStatisticsOutputDatasetFacet", statistics) });
            Some(output)
        };
        states(self.lake).into_iter().filter_map(changed).collect()
    }
}

/// Waits, for a moment, until a receiver has what a command told it; what there is to say about it.
pub fn last_words(outbox: &Outbox) -> Vec<String> {
    outbox.hurry();
    outbox.wait(LAST_WORDS);
    outbox.end();
    let waiting = outbox.waiting().len();
    let untold = (waiting > 0).then(|| format!("{waiting} events of this run did not reach {}", outbox.name));
    outbox.said().into_iter().chain(untold).collect()
}

/// A facet of any kind.
fn run_facet(schema: &str, mut facet: Value) -> Value {
    let name = schema.rsplit('/').next().unwrap_or(schema);
    facet["_producer"] = PRODUCER.into();
    facet["_schemaURL"] = format!("https://openlineage.io/spec/facets/{schema}.json#/$defs/{name}").into();
    facet
}

/// A dataset of the local file system.
fn dataset(path: &Path) -> Value {
    let path = std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
    json!({ "namespace": "file", "name": path.to_string_lossy() })
}

fn file_read(file: &FileOutcome) -> Value {
    let mut input = dataset(&file.candidate.path);
    let records = match &file.outcome {
        FileResult::Done(LoadOutcome::Taken { summary, .. }) => Some(summary.records),
        FileResult::Done(LoadOutcome::Refused { records, .. }) => Some(*records),
        _ => None,
    };
    let mut statistics = json!({ "size": file.candidate.bytes, "fileCount": 1 });
    if let Some(records) = records {
        statistics["rowCount"] = records.into();
    }
    input["inputFacets"] = json!({ "inputStatistics": run_facet("1-0-0/InputStatisticsInputDatasetFacet", statistics) });
    input
}

/// The table whose rows a rule looked at.
fn table_of(outcome: &RuleOutcome) -> Option<TableId> {
    Some(match outcome.subject {
        Subject::Delivery(dataset) => TableId::bronze(&UtilityId::parse(&outcome.utility)?, dataset),
        Subject::Feeders => tables::FEEDERS.id(),
        Subject::Ders => tables::DERS.id(),
    })
}

/// What a rule says, where it could be asked.
fn assertion(outcome: &RuleOutcome) -> Option<Value> {
    let success = match outcome.state {
        RuleState::Passed => true,
        RuleState::Failed => false,
        RuleState::CouldNotCheck | RuleState::NotEnoughHistory | RuleState::NothingDelivered | RuleState::NotStated => {
            return None;
        }
    };
    let severity = match outcome.severity {
        Severity::Error => "error",
        Severity::Warning => "warn",
        Severity::Info => "info",
    };
    Some(json!({
        "assertion": outcome.rule,
        "name": format!("{} {} {} {}", outcome.rule, outcome.utility, outcome.subject, outcome.month),
        "success": success,
        "severity": severity,
        "expected": format!("at most {} failing", outcome.threshold),
        "actual": format!("{} of {} failing", outcome.failed, outcome.checked),
        "params": { "utility": outcome.utility, "dataset": outcome.subject.as_str(), "month": outcome.month.to_string() },
    }))
}
