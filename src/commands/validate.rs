//! `labctl validate`: the plan file, and the keys, folders and certificate that it names, without AWS.

use std::process::ExitCode;

use crate::cloud::estimate::Estimate;
use crate::plan;
use crate::report::Out;
use crate::support::folders;

use super::Failure;
use super::arguments::Global;
use super::workflow::{limits, session};

/// Checks the plan file.
pub fn run(global: &Global, out: &Out) -> Result<ExitCode, Failure> {
    let parsed = session::load_with_warnings(global, out)?;
    limits::check(&parsed, &Estimate::of_plan(&parsed.plan))?;
    plan::read_keys(&parsed, folders::home().as_deref())
        .map_err(|problems| Failure::problems(parsed.source.clone(), problems))?;
    session::folders(&parsed, out)?;
    session::certificate(&parsed, out)?;
    out.result(&format!("`{}` is a valid plan", parsed.source.name));
    Ok(ExitCode::SUCCESS)
}
