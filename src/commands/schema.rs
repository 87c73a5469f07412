//! `labctl schema`: the JSON Schema of plan files.

use std::process::ExitCode;

use crate::plan;
use crate::report::Out;

use super::Failure;

/// Prints the schema.
pub fn run(out: &Out) -> Result<ExitCode, Failure> {
    out.json(&plan::schema());
    Ok(ExitCode::SUCCESS)
}
