//! All integration tests in one binary: each one more would link Polars and Delta again.

#![allow(clippy::unwrap_used, clippy::expect_used, missing_docs, reason = "a test may end with a panic")]
#![allow(clippy::format_collect, reason = "small files read best as lines")]

mod bad_input;
mod budgets;
mod cases;
mod causes;
mod commands;
mod console;
mod corrections;
mod documents;
mod engine_contract;
mod evaluated;
mod exact;
mod faults;
#[cfg(target_os = "linux")]
mod hostile;
mod increments;
mod lake;
mod layers;
mod maintain;
mod months;
mod panes;
mod program;
#[cfg(unix)]
mod promotion;
mod real;
mod repeats;
mod rewritten;
mod rules;
mod runbook;
mod sample;
mod sequences;
mod session;
mod support;
#[cfg(unix)]
mod told;
#[cfg(unix)]
mod watch;

/// That of the program.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;
