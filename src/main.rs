//! stub
use feederscope::config::{Overrides, Paths, Settings};
use feederscope::landing::Cancel;
use feederscope::model::{Day, Environment};
use feederscope::pipeline::{Progress, Request, run::Run};
fn main() {
    let mut args = std::env::args().skip(1);
    let (lake, landing) = (args.next().unwrap(), args.next().unwrap());
    tracing_subscriber::fmt().with_env_filter(tracing_subscriber::EnvFilter::from_default_env()).with_writer(std::io::stderr).init();
    let s = Settings::resolve(Overrides { lake: Some(lake.into()), landing: Some(landing.into()), ..Default::default() }, Paths::of_this_account(), Day::parse("2022-12-01").unwrap());
    let lake = feederscope::lake::Lake::new(&s.lake, Environment::Dev).unwrap();
    let t = std::time::Instant::now();
    let last = std::sync::Mutex::new(String::new());
    let r = Run { settings: &s, lake: &lake, request: &Request::default(), cancel: &Cancel::default(), observer: &|p: Progress| { let m = format!("{} {}", p.step, p.subject); let mut l = last.lock().unwrap(); if *l != m { eprintln!("{:.3} {m} {}/{}", t.elapsed().as_secs_f64(), p.rows_done, p.rows_expected); *l = m; } }, now: &|| feederscope::pipeline::run::micros_of(std::time::SystemTime::now()) }.execute();
    eprintln!("{:.3} {:?}", t.elapsed().as_secs_f64(), r.map(|r| (r.rows, r.rebuilt.len())));
}
