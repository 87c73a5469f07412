//! `labctl plan`: what apply would do.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::Args;
use serde_json::Value as Json;

use crate::cli::Global;
use crate::planning::{self, Planned};
use crate::report::{Out, PlanView, json, text};
use crate::saved::SavedPlan;

use super::{Failure, HAS_CHANGES, session};

/// What `plan` takes.
#[derive(Debug, Args)]
pub struct Arguments {
    /// Print one JSON document
    #[arg(long)]
    pub json: bool,
    /// Exit with 0 when there is nothing to do, and with 2 when there is
    #[arg(long)]
    detailed_exitcode: bool,
    /// Save the plan; `labctl apply FILE` applies just this
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
}

/// Reads, compares, shows.
pub async fn run(global: &Global, arguments: &Arguments, out: &Out) -> Result<ExitCode, Failure> {
    let parsed = session::load_with_warnings(global, out)?;
    let laptop = session::laptop(&parsed, global).await?;
    let aws = session::connect(&parsed, global, out).await;
    let planned = planning::plan(&aws, &parsed.plan, &laptop).await?;
    let document = json::plan(&view(&planned), Json::Null);
    match arguments.json {
        true => out.document(&document),
        false => out.result(&text::change_set(&view(&planned))),
    }
    session::refusals(&parsed, &planned.set.refusals)?;
    if let Some(file) = &arguments.out {
        let source = &parsed.source;
        let saved = SavedPlan::new(&source.name, &source.text, &laptop, &planned, document);
        save(file, &saved)?;
        out.say(&format!(
            "saved; `labctl apply {}` applies it",
            file.display()
        ));
    }
    let has_changes = planned.set.has_work() || planned.set.conflicts().next().is_some();
    Ok(match arguments.detailed_exitcode && has_changes {
        true => ExitCode::from(HAS_CHANGES),
        false => ExitCode::SUCCESS,
    })
}

/// What there is to show of a plan.
pub fn view(planned: &Planned) -> PlanView<'_> {
    PlanView {
        lab: &planned.scope.lab,
        region: &planned.scope.region,
        account: &planned.live.account,
        set: &planned.set,
        live: &planned.live,
        notes: &planned.notes,
        allowed: &[],
    }
}

fn save(file: &Path, saved: &SavedPlan) -> Result<(), Failure> {
    std::fs::write(file, saved.to_text()).map_err(|error| {
        Failure::said(
            format!("cannot write `{}`: {error}", file.display()),
            "name a file in a folder of yours by `--out`",
        )
    })
}
