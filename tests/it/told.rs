//! Who is told of what happens: receivers of their own that fail, stand still and take what they get.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

use serde_json::Value;

use crate::program::{Program, code};
use crate::watch::{Service, health, is, sample, wait_for_state};

/// A server of the web on a port of its own: what it answers to each request is decided by `answer`; what it got, in order.
struct Server {
    url: String,
    got: Receiver<Request>,
}

#[derive(Debug, Clone)]
struct Request {
    head: String,
    body: Value,
}

impl Server {
    /// `answer` is given how many requests came before; an empty one is none at all, for ever.
    fn start(listener: TcpListener, answer: impl Fn(usize) -> &'static str + Send + 'static) -> Self {
        let url = format!("http://{}/hook?token=SECRET", listener.local_addr().unwrap());
        let (sender, got) = channel();
        std::thread::spawn(move || {
            let mut silent = Vec::new();
            let mut requests = 0;
            for stream in listener.incoming().map_while(Result::ok) {
                let Some(request) = read_request(&stream) else { continue };
                let answer = answer(requests);
                requests += 1;
                if answer.is_empty() {
                    silent.push(stream);
                    continue;
                }
                if answer.starts_with("200") && sender.send(request).is_err() {
                    return;
                }
                let _ = write!(&stream, "HTTP/1.1 {answer}\r\ncontent-length: 0\r\nconnection: close\r\n\r\n");
            }
        });
        Self { url, got }
    }

    #[track_caller]
    fn next(&self) -> Request {
        self.got.recv_timeout(Duration::from_mins(1)).expect("a request")
    }
}

fn read_request(mut stream: &TcpStream) -> Option<Request> {
    let mut reader = BufReader::new(stream.try_clone().ok()?);
    let (mut head, mut length) = (String::new(), 0);
    loop {
        let mut line = String::new();
        reader.read_line(&mut line).ok().filter(|read| *read > 0)?;
        if let Some(value) = line.to_ascii_lowercase().strip_prefix("content-length:") {
            length = value.trim().parse().ok()?;
        }
        if line == "\r\n" {
            break;
        }
        head.push_str(&line);
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body).ok()?;
    let _ = stream.flush();
    Some(Request { head, body: serde_json::from_slice(&body).ok()? })
}

fn local() -> TcpListener {
    TcpListener::bind("127.0.0.1:0").unwrap()
}

fn quick(program: &Program) {
    program.config("settle_seconds = 0.5\npoll_seconds = 1\n");
}

/// The cases that a service said, in order.
fn cases(service: &Service) -> Vec<Value> {
    service.seen.iter().filter(|line| is(line, "case")).map(|line| line["case"].clone()).collect()
}

#[test]
fn webhook_that_is_busy_is_told_again_and_each_change_once_in_order() {
    let program = Program::new();
    quick(&program);
    sample(&program, "2022-08");
    // Busy twice with the first, once with the third; nothing is told twice of it.
    let server = Server::start(local(), |before| match before {
        0 => "503 Service Unavailable",
        1 => "429 Too Many Requests",
        4 => "500 Internal Server Error",
        _ => "200 OK",
    });
    let mut service = Service::start(&program, &["--webhook", &server.url, "--today", "2022-09-12"]);
    service.wait_for("the load", |line| is(line, "run"));
    let not_told = service.wait_for("that it was not told", |line| is(line, "not-told"));
    let said = not_told["message"].as_str().unwrap();
    assert!(said.contains("503") && said.contains("again in 1 s") && !said.contains("SECRET"), "{said}");
    wait_for_state(&program, "idle");
    let expected = health(&program)["cases"].as_object().unwrap().len();
    let got: Vec<Request> = (0..expected).map(|_| server.next()).collect();
    service.wait_for("that it is told again", |line| line["message"].as_str().unwrap().ends_with("is told again"));
    assert_eq!(service.end().1, Some(0));
    assert_eq!(got.iter().map(|request| request.body["case"].clone()).collect::<Vec<_>>(), cases(&service));
    assert!(server.got.try_recv().is_err(), "each once");
    let first = &got[0];
    assert!(first.head.starts_with("POST /hook?token=SECRET HTTP/1.1\r\n"), "{}", first.head);
    assert!(first.head.to_ascii_lowercase().contains("content-type: application/json"), "{}", first.head);
    assert_eq!((&first.body["change"], &first.body["environment"]), (&Value::from("opened"), &Value::from("dev")));
    assert!(first.body["text"].as_str().unwrap().starts_with("opened: 2022-08 utility1: "), "{}", first.body);
    assert!(first.body["case"]["next_step"].as_str().is_some_and(|step| !step.is_empty()));
}

#[test]
fn redirection_is_no_delivery_and_who_is_named_twice_is_told_once() {
    let program = Program::new();
    quick(&program);
    sample(&program, "2022-08");
    let server = Server::start(local(), |before| if before == 0 { "302 Found\r\nlocation: /login" } else { "200 OK" });
    let mut service = Service::start(&program, &["--webhook", &server.url, "--webhook", &server.url, "--today", "2022-09-12"]);
    service.wait_for("the load", |line| is(line, "run"));
    let not_told = service.wait_for("that it was not told", |line| is(line, "not-told"));
    assert!(not_told["message"].as_str().unwrap().contains("302"), "{not_told}");
    wait_for_state(&program, "idle");
    let opened = health(&program)["cases"].as_object().unwrap().len();
    // The first one is lost, and said to be.
    let got: Vec<Value> = (1..opened).map(|_| server.next().body["case"].clone()).collect();
    assert_eq!(service.end().1, Some(0));
    assert_eq!(got, cases(&service)[1..]);
    assert!(server.got.try_recv().is_err(), "and once");
}

#[test]
fn receiver_that_stands_still_keeps_no_load_and_no_end_waiting_and_gets_its_due_later() {
    let program = Program::new();
    quick(&program);
    sample(&program, "2022-08");
    let is_awake = Arc::new(AtomicBool::new(false));
    let awake = is_awake.clone();
    let server = Server::start(local(), move |_| if awake.load(Ordering::SeqCst) { "200 OK" } else { "" });
    let other = program.folder.path().join("told.jsonl");
    let hook = format!("cat >> '{}'", other.display());
    let more = ["--webhook", server.url.as_str(), "--on-change", &hook, "--today", "2022-09-12"];
    let mut service = Service::start(&program, &more);
    service.wait_for("the first load", |line| is(line, "run"));
    wait_for_state(&program, "idle");
    sample(&program, "2022-09");
    service.wait_for("the second load", |line| is(line, "run"));
    wait_for_state(&program, "idle");
    // The command has heard all that stands in the log, while the other one waits.
    let expected = health(&program)["untold"].as_object().unwrap().values().next().unwrap().as_array().unwrap().len();
    let until = std::time::Instant::now() + Duration::from_mins(1);
    while std::fs::read_to_string(&other).is_ok_and(|heard| heard.lines().count() < expected) {
        assert!(std::time::Instant::now() < until, "{expected} changes");
        std::thread::sleep(Duration::from_millis(50));
    }
    let (took, code) = service.end();
    assert!(took < Duration::from_secs(5), "{took:?}");
    assert_eq!(code, Some(0));
    // The other one has heard everything, whatever this one does.
    let said = cases(&service);
    let heard = std::fs::read_to_string(&other).unwrap();
    assert_eq!(heard.lines().count(), said.len());
    let untold = health(&program)["untold"].clone();
    let untold: Vec<&Value> = untold.as_object().unwrap().values().collect();
    assert_eq!(untold.len(), 1, "{untold:?}");
    assert_eq!(untold[0].as_array().unwrap().len(), said.len());
    is_awake.store(true, Ordering::SeqCst);
    let mut again = Service::start(&program, &more);
    let got: Vec<Value> = said.iter().map(|_| server.next().body["case"].clone()).collect();
    assert_eq!(got, said);
    again.wait_for("the watch", |line| is(line, "watching"));
    wait_for_state(&program, "idle");
    assert_eq!(again.end().1, Some(0));
    assert_eq!(health(&program)["untold"], serde_json::json!({}));
    assert_eq!(std::fs::read_to_string(&other).unwrap().lines().count(), said.len(), "and the other nothing twice");
}

#[test]
fn service_that_is_killed_tells_what_was_not_told_after_the_next_start() {
    let program = Program::new();
    quick(&program);
    sample(&program, "2022-08");
    let is_awake = Arc::new(AtomicBool::new(false));
    let awake = is_awake.clone();
    let server = Server::start(local(), move |_| if awake.load(Ordering::SeqCst) { "200 OK" } else { "" });
    let more = ["--webhook", server.url.as_str(), "--today", "2022-09-12"];
    let mut service = Service::start(&program, &more);
    service.wait_for("the load", |line| is(line, "run"));
    wait_for_state(&program, "idle");
    service.kill();
    let said = cases(&service);
    assert!(said.len() > 1);
    is_awake.store(true, Ordering::SeqCst);
    let mut again = Service::start(&program, &more);
    let got: Vec<Value> = said.iter().map(|_| server.next().body["case"].clone()).collect();
    assert_eq!(got, said);
    wait_for_state(&program, "idle");
    assert_eq!(again.end().1, Some(0));
    assert!(server.got.try_recv().is_err(), "and nothing else");
}

#[test]
fn text_that_is_told_acts_on_nobody_whatever_a_folder_is_called() {
    let program = Program { folder: tempfile::Builder::new().prefix("two\nlines\u{1b}[2J").tempdir().unwrap() };
    quick(&program);
    sample(&program, "2022-08");
    // No folder: the run fails, and says which one.
    std::fs::write(program.folder.path().join("lake"), "").unwrap();
    let server = Server::start(local(), |_| "200 OK");
    let mut service = Service::start(&program, &["--webhook", &server.url, "--today", "2022-09-12"]);
    service.wait_for("the failure", |line| is(line, "run-failed"));
    let told = server.next().body;
    assert_eq!(service.end().1, Some(0));
    let text = told["text"].as_str().unwrap();
    assert_eq!(told["change"], "failed");
    assert!(text.contains("two␊lines␛[2J") && !text.contains(char::is_control), "{text}");
}

/// Answers as a mail server does; the mails that it got.
fn mail_server() -> (String, Receiver<String>) {
    let listener = local();
    let address = listener.local_addr().unwrap();
    let (sender, got) = channel();
    std::thread::spawn(move || {
        for stream in listener.incoming().map_while(Result::ok) {
            let mut reader = BufReader::new(stream.try_clone().unwrap());
            let say = |line: &str| write!(&stream, "{line}\r\n").unwrap();
            say("220 test ESMTP");
            let (mut line, mut mail) = (String::new(), None::<String>);
            while reader.read_line(&mut line).is_ok_and(|read| read > 0) {
                match (&mut mail, line.trim_end()) {
                    (Some(text), ".") => {
                        sender.send(std::mem::take(text)).unwrap();
                        mail = None;
                        say("250 taken");
                    }
                    (Some(text), _) => text.push_str(&line),
                    (None, "DATA") => {
                        mail = Some(String::new());
                        say("354 go on");
                    }
                    (None, "QUIT") => say("221 bye"),
                    (None, _) => say("250 ok"),
                }
                line.clear();
            }
        }
    });
    (format!("smtp://{address}"), got)
}

#[test]
fn mail_tells_what_happened_at_once_in_one() {
    let program = Program::new();
    quick(&program);
    sample(&program, "2022-08");
    let (smtp, got) = mail_server();
    let more = ["--mail-to", "steward@example.org", "--mail-from", "feederscope@example.org", "--smtp", &smtp];
    let mut service = Service::start(&program, &[&more[..], &["--today", "2022-09-12"]].concat());
    service.wait_for("the load", |line| is(line, "run"));
    wait_for_state(&program, "idle");
    let mail = got.recv_timeout(Duration::from_mins(1)).unwrap();
    assert_eq!(service.end().1, Some(0));
    let count = cases(&service).len();
    assert!(mail.contains("To: steward@example.org\r\n") && mail.contains("From: feederscope@example.org\r\n"), "{mail}");
    assert!(mail.contains(&format!("Subject: feederscope dev: {count} changes\r\n")), "{mail}");
    assert_eq!(mail.matches("opened: 2022-08").count(), count, "{mail}");
    assert!(got.try_recv().is_err(), "one mail");
}

#[test]
fn nobody_is_told_by_half_a_mail_server_and_no_password_is_repeated() {
    let program = Program::new();
    let wrong = program.call(&["watch", "--mail-to", "a@example.org", "--mail-from", "b@example.org", "--smtp", "mail:SECRET"]);
    let said = String::from_utf8(wrong.stderr.clone()).unwrap();
    assert_eq!(code(&wrong), 2, "{said}");
    assert!(said.contains("smtp://HOST:PORT") && !said.contains("SECRET"), "{said}");
    assert_eq!(code(&program.call(&["watch", "--mail-to", "a@example.org"])), 2);
    for wrong in [["watch", "--webhook", "htps://example.org/SECRET"], ["run", "--lineage", "ftp://u:SECRET@example.org"]] {
        let output = program.call(&wrong);
        let said = String::from_utf8(output.stderr.clone()).unwrap();
        assert_eq!(code(&output), 2, "{said}");
        assert!(said.contains("https://") && !said.contains("SECRET"), "{said}");
    }
    // A variable that is set to nothing is none.
    let empty = program.command(&["run"]).env("FEEDERSCOPE_LINEAGE", "").output().unwrap();
    assert_ne!(code(&empty), 2, "{empty:?}");
}

/// Every facet says who made it, and where its form is written down.
fn check_facets(event: &Value) -> usize {
    let mut found = 0;
    let holders = [&event["run"], &event["job"]].into_iter();
    let datasets = ["inputs", "outputs"].into_iter().flat_map(|key| event[key].as_array().unwrap());
    for holder in holders.chain(datasets) {
        for key in ["facets", "inputFacets", "outputFacets"] {
            for facet in holder[key].as_object().into_iter().flat_map(|facets| facets.values()) {
                assert!(facet["_producer"].as_str().unwrap().starts_with("urn:"), "{facet}");
                assert!(facet["_schemaURL"].as_str().unwrap().starts_with("https://openlineage.io/spec/facets/"), "{facet}");
                found += 1;
            }
        }
    }
    found
}

fn events(file: &Path) -> Vec<Value> {
    std::fs::read_to_string(file).unwrap().lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

fn of<'a>(event: &'a Value, key: &str, end: &str) -> &'a Value {
    let datasets = event[key].as_array().unwrap();
    let found = datasets.iter().find(|dataset| dataset["name"].as_str().unwrap().ends_with(end));
    found.unwrap_or_else(|| panic!("no `{end}` in {datasets:#?}"))
}

#[test]
fn run_tells_what_it_read_and_wrote_and_what_the_rules_say() {
    let program = Program::new();
    sample(&program, "2022-08");
    let file = program.folder.path().join("lineage/events.jsonl");
    let arguments = ["run", "--today", "2022-09-12", "--lineage", file.to_str().unwrap()];
    program.call(&arguments);
    let told = events(&file);
    assert_eq!(told.iter().map(|event| event["eventType"].as_str().unwrap()).collect::<Vec<_>>(), ["START", "COMPLETE"]);
    assert_eq!(told[0]["run"]["runId"], told[1]["run"]["runId"]);
    assert_eq!((&told[1]["job"]["namespace"], &told[1]["job"]["name"]), (&"feederscope.dev".into(), &"load".into()));
    assert!(told.iter().map(check_facets).min().unwrap() >= 2);
    let done = &told[1];
    // Counted in the files, and not by the program.
    let circuits = program.folder.path().join("landing/utility1/2022-08/utility1_circuits.csv");
    let lines = std::fs::read_to_string(&circuits).unwrap().lines().count() as u64 - 1;
    let read = &of(done, "inputs", "utility1_circuits.csv")["inputFacets"]["inputStatistics"];
    assert_eq!(read["rowCount"].as_u64(), Some(lines));
    assert_eq!(read["size"].as_u64(), Some(circuits.metadata().unwrap().len()));
    let written = of(done, "outputs", "iedr_dev/bronze/utility1_circuits");
    let statistics = &written["outputFacets"]["outputStatistics"];
    assert_eq!((statistics["rowCount"].as_u64(), statistics["fileCount"].as_u64()), (Some(lines), Some(1)));
    let on_disk: u64 = walk(Path::new(written["name"].as_str().unwrap()));
    assert_eq!(statistics["size"].as_u64(), Some(on_disk));
    assert_eq!(written["facets"]["version"]["datasetVersion"], "0");
    // The sample has keys that are there twice: that is what `causes` and `check` say, too.
    let install = of(done, "inputs", "iedr_dev/bronze/utility1_install_der");
    let assertions = install["inputFacets"]["dataQualityAssertions"]["assertions"].as_array().unwrap();
    let keys = assertions.iter().find(|assertion| assertion["assertion"] == "key-unique").unwrap();
    let check = program.call(&["check", "--rule", "key-unique", "--today", "2022-09-12", "--format", "json"]);
    let rows: Value = serde_json::from_slice(&check.stdout).unwrap();
    let row = rows.as_array().unwrap().iter().find(|row| row["dataset"] == "install_der").unwrap();
    assert_eq!(keys["success"].as_bool(), Some(row["outcome"] == "passed"));
    assert_eq!(keys["actual"], format!("{} of {} failing", row["failed_count"], row["checked_count"]));
    assert!(assertions.iter().any(|assertion| assertion["success"] == false), "{assertions:#?}");
    // A run that finds nothing is one, too, and writes nothing.
    program.call(&arguments);
    let again = events(&file);
    assert_eq!(again.len(), 4);
    assert_eq!((&again[3]["eventType"], again[3]["outputs"].as_array().unwrap().len()), (&"COMPLETE".into(), 0));
    // One that fails says so; a lake that cannot be written is none that anybody may take for loaded.
    let runs = program.folder.path().join("lake/iedr_dev/ops/runs");
    std::fs::rename(&runs, runs.with_extension("away")).unwrap();
    std::fs::write(&runs, "no table").unwrap();
    sample(&program, "2022-09");
    let failed = program.call(&arguments);
    assert_eq!(code(&failed), 1);
    let last = events(&file).pop().unwrap();
    assert_eq!(last["eventType"], "FAIL");
    let message = last["run"]["facets"]["errorMessage"]["message"].as_str().unwrap();
    assert!(String::from_utf8_lossy(&failed.stderr).contains(message), "{message}");
}

/// Bytes of the data files below a table.
fn walk(folder: &Path) -> u64 {
    let entries = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    entries
        .filter(|path| !path.ends_with("_delta_log"))
        .map(|path| if path.is_dir() { walk(&path) } else { path.metadata().unwrap().len() })
        .sum()
}

#[test]
fn receiver_of_events_that_is_gone_fails_no_run_and_a_whole_one_gets_its_key() {
    let program = Program::new();
    sample(&program, "2022-08");
    let nobody = local();
    let url = format!("http://{}/api/v1/lineage", nobody.local_addr().unwrap());
    drop(nobody);
    let run = |url: &str| {
        let arguments = ["run", "--today", "2022-08-20", "--lineage", url];
        program.command(&arguments).env("FEEDERSCOPE_LINEAGE_KEY", "KEY").output().unwrap()
    };
    let without = {
        let other = Program::new();
        sample(&other, "2022-08");
        code(&other.call(&["run", "--today", "2022-08-20"]))
    };
    let output = run(&url);
    let said = String::from_utf8(output.stderr.clone()).unwrap();
    assert_eq!(code(&output), without, "{said}");
    assert!(said.contains("2 events of this run did not reach http://127.0.0.1:"), "{said}");
    assert!(said.contains("3 loaded"), "{said}");
    let server = Server::start(local(), |_| "200 OK");
    assert_eq!(code(&run(&server.url)), without);
    let heads = [server.next(), server.next()].map(|request| request.head.to_ascii_lowercase());
    assert!(heads.iter().all(|head| head.contains("authorization: bearer key\r\n")), "{heads:?}");
}
