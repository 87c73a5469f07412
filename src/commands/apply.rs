//! `labctl apply`: makes AWS as the plan says, after a yes.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::Args;

use crate::cli::Global;
use crate::diff::{Change, ChangeSet};
use crate::plan::{self, Parsed};
use crate::planning::{self, Laptop, Planned};
use crate::report::{Out, PlanView, outcome, text};
use crate::resource::{Address, OnChange};
use crate::saved::SavedPlan;

use super::plan::view;
use super::running::{self, Options};
use super::{Failure, session};

/// What `apply` takes.
#[derive(Debug, Args)]
pub struct Arguments {
    /// A plan that `labctl plan --out` saved; refused if AWS has changed since
    #[arg(value_name = "SAVED")]
    saved: Option<PathBuf>,
    /// Apply without asking; never covers the loss of data, see --replace
    #[arg(short, long)]
    yes: bool,
    /// Allow that this resource is replaced, and its data lost; may be repeated
    #[arg(long, value_name = "ADDRESS")]
    replace: Vec<Address>,
    /// Print one JSON event a line
    #[arg(long)]
    pub json: bool,
}

/// Reads, compares, shows, refuses what must not be, asks, applies.
pub async fn run(global: &Global, arguments: &Arguments, out: &Out) -> Result<ExitCode, Failure> {
    let saved = arguments.saved.as_deref().map(open).transpose()?;
    let (parsed, laptop) = match &saved {
        Some(saved) => reopen(saved)?,
        None => {
            let parsed = session::load_with_warnings(global, out)?;
            let laptop = session::laptop(&parsed, global).await?;
            (parsed, laptop)
        }
    };
    let aws = session::connect(&parsed, global, out).await;
    let planned = planning::plan(&aws, &parsed.plan, &laptop).await?;
    if let Some(saved) = &saved {
        check_unmoved(saved, &planned)?;
    }
    if !out.is_json() {
        let shown = PlanView {
            allowed: &arguments.replace,
            ..view(&planned)
        };
        out.result(&text::change_set(&shown));
    }
    session::refusals(&parsed, &planned.set.refusals)?;
    check_conflicts(&planned.set)?;
    check_data_is_safe(&planned.set, &arguments.replace, parsed.plan.protect)?;
    if planned.set.has_work() {
        running::confirm("apply these changes?", arguments.yes, out)?;
    }
    let options = Options {
        empty_bucket: false,
        parsed: &parsed,
        ending: outcome::applied,
    };
    running::apply(&aws, &planned, &options, out).await
}

fn open(file: &Path) -> Result<SavedPlan, Failure> {
    let text = std::fs::read_to_string(file).map_err(|error| {
        Failure::said(
            format!("cannot read the saved plan `{}`: {error}", file.display()),
            "name a file that `labctl plan --out FILE` wrote; a plan file is named by `--file`",
        )
    })?;
    SavedPlan::parse(&text).map_err(|error| {
        Failure::said(
            format!("`{}`: {error}", file.display()),
            "save it anew by `labctl plan --out FILE`; a plan file is named by `--file`",
        )
    })
}

fn reopen(saved: &SavedPlan) -> Result<(Parsed, Laptop), Failure> {
    let parsed = plan::parse(&saved.plan_file, &saved.plan_text).map_err(Failure::Problems)?;
    let laptop = saved
        .laptop()
        .map_err(|error| Failure::said(error.to_string(), "save the plan anew"))?;
    Ok((parsed, laptop))
}

/// A saved plan is what somebody agreed to; it is not stretched.
fn check_unmoved(saved: &SavedPlan, planned: &Planned) -> Result<(), Failure> {
    let moved = saved.moved(&planned.live.account, &planned.live.resources);
    if moved.is_empty() {
        return Ok(());
    }
    Err(Failure::said(
        format!(
            "AWS is not as it was when the plan was saved:\n  {}",
            moved.join("\n  ")
        ),
        "nothing was changed; look at the new difference by `labctl plan`, and save it anew",
    ))
}

fn check_conflicts(set: &ChangeSet) -> Result<(), Failure> {
    let conflicts: Vec<_> = set
        .conflicts()
        .map(|conflict| {
            format!(
                "`{}` ({})",
                conflict.desired.address,
                conflict.ids.join(", ")
            )
        })
        .collect();
    if conflicts.is_empty() {
        return Ok(());
    }
    Err(Failure::said(
        format!(
            "something that is not this lab's is in the way of {}",
            conflicts.join(", ")
        ),
        "nothing was changed; take it into the lab by `labctl adopt ADDRESS ID`, or choose \
         another name in the plan",
    ))
}

/// `--yes` answers the question; it never covers the loss of data.
fn check_data_is_safe(
    set: &ChangeSet,
    allowed: &[Address],
    is_protected: bool,
) -> Result<(), Failure> {
    let losing = set.changes.iter().filter(|change| change.loses_data());
    if is_protected {
        return match losing.map(reason).next() {
            None => Ok(()),
            Some(reason) => Err(Failure::said(
                format!("the lab is protected, and {reason}"),
                "nothing was changed; take the field back, or write `protect: false` first",
            )),
        };
    }
    let missing: Vec<_> = losing
        .filter(|change| !allowed.contains(change.address()))
        .collect();
    if missing.is_empty() {
        return Ok(());
    }
    let reasons: Vec<_> = missing.iter().map(|change| reason(change)).collect();
    let flags: Vec<_> = missing
        .iter()
        .map(|change| format!("--replace {}", change.address()))
        .collect();
    Err(Failure::said(
        reasons.join("; "),
        format!(
            "nothing was changed; take the field back, or allow it by `{}`",
            flags.join(" ")
        ),
    ))
}

fn reason(change: &Change) -> String {
    let forcing = change
        .fields()
        .iter()
        .filter(|field| field.on_change == OnChange::Replace);
    let paths: Vec<_> = forcing.map(|field| format!("`{}`", field.path)).collect();
    let address = change.address();
    match paths.as_slice() {
        [] => format!("`{address}` would be deleted with its data"),
        paths => format!(
            "{} changed, so `{address}` would be replaced, and what is on it lost",
            paths.join(" and ")
        ),
    }
}
