//! `labctl plan`: what apply would do.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::Args;
use serde_json::Value as Json;

use crate::cloud::planning;
use crate::cloud::saved_plan::SavedPlan;
use crate::report::{Out, host, json};
use crate::support::private_files;

use super::arguments::{Global, Half};
use super::workflow::host_plan::{self, HostPlan};
use super::workflow::host_workflow::{Context, HostWorkflow};
use super::workflow::plan_view::{show, view};
use super::workflow::session;
use super::{Failure, HAS_CHANGES};

/// What `plan` takes.
#[derive(Debug, Args)]
pub struct Arguments {
    /// Print one JSON document
    #[arg(long)]
    pub json: bool,
    /// Exit with 0 when there is nothing to do, and with 2 when there is
    #[arg(long)]
    detailed_exitcode: bool,
    /// Look at one half only: what is in AWS, or what is on the server
    #[arg(long, value_name = "cloud|host", hide_possible_values = true)]
    only: Option<Half>,
    /// Save the plan; `labctl apply FILE` applies just this. Keep it where only you can write: that nothing in it was
    /// changed by accident is checked, that nobody changed it on purpose is not
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
}

/// Reads, compares, shows.
pub async fn run(global: &Global, arguments: &Arguments, out: &Out) -> Result<ExitCode, Failure> {
    let parsed = session::load_with_warnings(global, out)?;
    let laptop = session::laptop(&parsed, global, out).await?;
    let (aws, way) = session::connect(&parsed, global, out).await?;
    let planned = planning::plan(&aws, &parsed.plan, &laptop).await?;
    let context = Context {
        cloud: &aws,
        way: &way,
        parsed: &parsed,
        laptop: &laptop,
        out,
        is_strict: global.strict_host_key,
    };
    let workflow = HostWorkflow::of(context, arguments.only).await?;
    let host = match workflow {
        Some(workflow) => Some(workflow.plan(&planned, false).await?),
        None => None,
    };
    let host_document = host.as_ref().map(|host| host::document(&host.view()));
    let document = json::plan(&view(&planned), host_document.unwrap_or(Json::Null));
    match arguments.json {
        true => out.document(&document),
        false => show(&view(&planned), host.as_ref(), arguments.only, out),
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
    host_plan::refuse(&host.as_ref().map(HostPlan::refusals).unwrap_or_default())?;
    let has_cloud_changes = planned.set.has_work() || planned.set.conflicts().next().is_some();
    let has_changes = host.as_ref().is_some_and(HostPlan::has_changes)
        || (has_cloud_changes && arguments.only != Some(Half::Host));
    Ok(match arguments.detailed_exitcode && has_changes {
        true => ExitCode::from(HAS_CHANGES),
        false => ExitCode::SUCCESS,
    })
}

fn save(file: &Path, saved: &SavedPlan) -> Result<(), Failure> {
    private_files::write(file, saved.to_text().as_bytes()).map_err(|error| {
        Failure::said(
            format!("cannot write `{}`: {error}", file.display()),
            "name a file in a folder of yours by `--out`",
        )
    })
}
