//! `labctl sizes`: which instance types suit so many users and so much data. AWS is not asked.

use std::process::ExitCode;

use clap::Args;

use crate::cloud::sizes::{self, Need};
use crate::plan::{Gibibytes, Workbench};
use crate::report::{Out, sizes as report_sizes};
use crate::support::money::Money;

use super::Failure;
use super::arguments::Global;
use super::workflow::session;

/// What `sizes` takes.
#[derive(Debug, Args)]
pub struct Arguments {
    /// How many work at the same time [default: the plan's users]; each takes a core, and the system one
    #[arg(long, value_name = "N")]
    users: Option<u32>,
    /// The largest data of one of them, such as `4GiB`; three times that is the memory it takes
    #[arg(long, value_name = "SIZE", default_value = "1GiB")]
    data: Gibibytes,
    /// What the type may cost a month in USD, its disk and address not counted
    #[arg(long, value_name = "USD")]
    max: Option<Money>,
    /// Show all that suit, not the cheapest alone
    #[arg(long)]
    all: bool,
    /// Print one JSON document
    #[arg(long)]
    pub json: bool,
}

/// Reads the plan for its region, its type and its users, and chooses.
pub fn run(global: &Global, arguments: &Arguments, out: &Out) -> Result<ExitCode, Failure> {
    let parsed = session::load(global)?;
    let region = parsed.plan.region.to_string();
    let current = &parsed.plan.instance.instance_type;
    let architecture = if current.is_graviton() {
        "arm64"
    } else {
        "x86_64"
    };
    let workbench = parsed.plan.workbench.as_ref();
    let need = Need {
        users: arguments.users.unwrap_or_else(|| users(workbench)),
        data: arguments.data.get(),
        maximum: arguments.max,
    };
    let current = current.to_string();
    let found = sizes::sizes(&region, &current, architecture, need);
    match arguments.json {
        true => out.document(&report_sizes::document(&region, &current, &found)),
        false => out.result(&report_sizes::text(
            &region,
            &current,
            &found,
            arguments.all,
        )),
    }
    Ok(ExitCode::SUCCESS)
}

/// A server without named users has one all the same.
fn users(workbench: Option<&Workbench>) -> u32 {
    let users = workbench.map_or(0, |workbench| workbench.users.len());
    u32::try_from(users).unwrap_or(u32::MAX).max(1)
}
