//! `labctl plan`: what apply would do.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{Args, ValueEnum};
use serde_json::Value as Json;

use crate::cloud::estimate::Estimate;
use crate::cloud::planning;
use crate::cloud::saved_plan::SavedPlan;
use crate::report::{Out, PlanView, host, json};
use crate::support::private_files;

use super::arguments::{Global, Half};
use super::workflow::host_plan::{self, HostPlan};
use super::workflow::host_workflow::{Context, HostWorkflow};
use super::workflow::plan_view::{show, show_markdown, view};
use super::workflow::{limits, session};
use super::{Failure, HAS_CHANGES};

/// What `plan` takes.
#[derive(Debug, Args)]
pub struct Arguments {
    /// How to print it; Markdown suits a comment on a pull request
    #[arg(long, value_name = "text|json|markdown", hide_possible_values = true)]
    #[arg(default_value = "text", hide_default_value = true)]
    format: Format,
    /// Print one JSON document, as --format json does
    #[arg(long, conflicts_with = "format")]
    json: bool,
    /// Show the differences of files whole, however long they are
    #[arg(long)]
    full: bool,
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

/// How a plan is printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Format {
    /// For people.
    Text,
    /// For programs.
    Json,
    /// For GitHub.
    Markdown,
}

impl Arguments {
    /// How to print it, by whichever of the two options.
    const fn format(&self) -> Format {
        if self.json { Format::Json } else { self.format }
    }

    /// Whether the result is to be JSON.
    pub const fn is_json(&self) -> bool {
        matches!(self.format(), Format::Json)
    }
}

/// Reads, compares, shows.
pub async fn run(global: &Global, arguments: &Arguments, out: &Out) -> Result<ExitCode, Failure> {
    let parsed = session::load_with_warnings(global, out)?;
    let laptop = session::laptop(&parsed, global, out).await?;
    let (aws, route) = session::connect(&parsed, global, out).await?;
    let planned = planning::plan(&aws, &parsed.plan, &laptop).await?;
    let context = Context {
        cloud: &aws,
        route: &route,
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
    let shown = PlanView {
        full: arguments.full,
        ..view(&planned)
    };
    let document = json::plan(&view(&planned), host_document.unwrap_or(Json::Null));
    match arguments.format() {
        Format::Json => out.document(&document),
        Format::Text => show(&shown, host.as_ref(), arguments.only, out),
        Format::Markdown => show_markdown(&shown, host.as_ref(), arguments.only, out),
    }
    session::refusals(&parsed, &planned.set.refusals)?;
    if arguments.only != Some(Half::Host) {
        let estimate = Estimate::after(&planned.scope.region, &planned.set);
        limits::check(&parsed, &estimate)?;
    }
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
