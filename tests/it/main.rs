//! All integration tests in one binary: each one more would link Polars and Delta again.

#![allow(clippy::unwrap_used, clippy::expect_used, missing_docs, reason = "a test may end with a panic")]

mod real;
mod support;
