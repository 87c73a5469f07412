//! `labctl cost`: what the plan's lab costs, by AWS's price lists as labctl has them. AWS is not asked.

use std::process::ExitCode;

use clap::Args;

use crate::cloud::estimate::Estimate;
use crate::report::{Out, cost};

use super::Failure;
use super::arguments::Global;
use super::workflow::session;

/// What `cost` takes.
#[derive(Debug, Args)]
pub struct Arguments {
    /// Print one JSON document
    #[arg(long)]
    pub json: bool,
}

/// Reads the plan and adds up.
pub fn run(global: &Global, arguments: &Arguments, out: &Out) -> Result<ExitCode, Failure> {
    let parsed = session::load(global)?;
    let (lab, region) = (parsed.plan.lab.to_string(), parsed.plan.region.to_string());
    let estimate = Estimate::of_plan(&parsed.plan);
    match arguments.json {
        true => out.document(&cost::document(&lab, &region, &estimate)),
        false => out.result(&cost::text(&lab, &region, &estimate)),
    }
    Ok(ExitCode::SUCCESS)
}
