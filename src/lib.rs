//! `feederscope`: a data-quality console for a lakehouse of feeders, hosting capacity and distributed energy resources.
//!
//! The way of the data through the crate is its way through the folders:
//! `landing` files become `frame`s and `lake` tables by way of the `pipeline`, which has its SQL run by the `engine`; the `app` holds
//! what a person sees of them, and `ui` and `commands` show it. Each module uses only those named before it.

pub mod model;

pub mod outbound;

pub mod config;

pub mod landing;

pub mod frame;

pub mod lake;

pub mod engine;

pub mod pipeline;

pub mod sample;

pub mod app;

pub mod commands;

pub mod ui;

pub mod cli;
