//! Tests from outside, in one binary, because linking the SDK a second time is slow.

#![allow(clippy::unwrap_used, clippy::expect_used)] // a test that cannot go on says so

mod cli;
mod conformance;
mod engine;
mod fuzz;
mod host;
mod hostile;
mod imports;
mod locks;
mod memory_cloud;
mod plan_file;
mod programs;
mod sandbox;
mod simulation;
mod support;
mod templates;
mod walls;
mod wire;
