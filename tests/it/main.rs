//! Tests from outside, in one binary, because linking the SDK a second time is slow.

mod cli;
mod plan_file;
mod support;
mod wire;
