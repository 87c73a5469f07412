//! `labctl sandbox`: an AWS account and its servers on this laptop.

use std::process::ExitCode;

use clap::{Args, Subcommand};

use crate::plan::{LabName, Parsed};
use crate::report::{Out, Stages, harmless, sandbox as report};
use crate::sandbox::{self, Place, Sandbox, Status};

use super::Failure;
use super::arguments::Global;
use super::workflow::session;

/// What `sandbox` takes.
#[derive(Debug, Args)]
pub struct Arguments {
    /// What to do.
    #[command(subcommand)]
    action: Action,
}

/// What can be done with a sandbox.
#[derive(Debug, Subcommand)]
enum Action {
    /// Start the plan's sandbox, and repair it; the first time takes some minutes
    Up,
    /// End it: no process, container or network stays; its account and disks are kept
    Down(Which),
    /// Show what runs, how to look at it, and what a sandbox cannot show
    Status(StatusArguments),
    /// Print what makes other clients of AWS use it: `eval "$(labctl sandbox env)"`; the secret stays in a file
    Env,
    /// End it and forget its account and disks
    Reset(Which),
}

/// Which sandbox.
#[derive(Debug, Args)]
struct Which {
    /// The lab's name [default: the plan's]
    #[arg(value_name = "LAB")]
    lab: Option<LabName>,
}

#[derive(Debug, Args)]
struct StatusArguments {
    #[command(flatten)]
    which: Which,
    /// Print one JSON document
    #[arg(long)]
    json: bool,
}

impl Arguments {
    /// Whether the result is to be JSON.
    pub const fn is_json(&self) -> bool {
        matches!(&self.action, Action::Status(arguments) if arguments.json)
    }
}

/// Does what was asked.
pub async fn run(global: &Global, arguments: &Arguments, out: &Out) -> Result<ExitCode, Failure> {
    match &arguments.action {
        Action::Up => up(&session::load(global)?, out).await?,
        Action::Down(which) => {
            let kept = "is down; its account and its servers' disks are kept, and `labctl sandbox \
                        reset` forgets them";
            end(&which.place(global)?, false, kept, out).await?;
        }
        Action::Status(arguments) => status(global, arguments, out).await?,
        Action::Env => env(&session::load(global)?, out).await?,
        Action::Reset(which) => {
            end(&which.place(global)?, true, "is forgotten", out).await?;
        }
    }
    Ok(ExitCode::SUCCESS)
}

impl Which {
    fn place(&self, global: &Global) -> Result<Place, Failure> {
        Ok(match &self.lab {
            Some(lab) => Place::of(lab),
            None => Place::of(&session::load(global)?.plan.lab),
        })
    }
}

async fn up(parsed: &Parsed, out: &Out) -> Result<(), Failure> {
    let status = {
        let stages = Stages::new(out);
        let tell = |text: &str| stages.tell(text);
        let sandbox = Sandbox::up(&parsed.plan, &tell).await?;
        tell("bringing the servers in line with the account");
        sandbox.repair().await?;
        sandbox.settled(&parsed.plan).await?
    };
    out.result(&report::status(&status.lab, Some(&status)));
    Ok(())
}

async fn end(place: &Place, forget: bool, ending: &str, out: &Out) -> Result<(), Failure> {
    let ending = match place.exists() {
        true => format!("the sandbox of lab {} {ending}", place.lab()),
        false => format!("there is no sandbox of lab {}", place.lab()),
    };
    {
        let stages = Stages::new(out);
        sandbox::down(place, forget, &|text| stages.tell(text)).await?;
    }
    out.result(&ending);
    Ok(())
}

/// The named one, or the plan's; all of them where there is no plan.
async fn status(global: &Global, arguments: &StatusArguments, out: &Out) -> Result<(), Failure> {
    let places = match arguments.which.place(global) {
        Ok(place) => vec![place],
        Err(_) if global.file.is_none() => sandbox::all(),
        Err(failure) => return Err(failure),
    };
    let mut statuses = Vec::new();
    for place in places {
        if place.exists() {
            let found = Sandbox::find(&place).await?;
            statuses.push((place.lab().to_owned(), found));
        }
    }
    if out.is_json() {
        out.document(&report::document(&statuses));
        return Ok(());
    }
    let text = |(lab, found): &(String, Option<Status>)| report::status(lab, found.as_ref());
    let texts: Vec<_> = statuses.iter().map(text).collect();
    out.result(&match texts.is_empty() {
        true => "there is no sandbox; `labctl sandbox up` makes one for a plan".to_owned(),
        false => texts.join("\n\n"),
    });
    Ok(())
}

async fn env(parsed: &Parsed, out: &Out) -> Result<(), Failure> {
    let place = Place::of(&parsed.plan.lab);
    let found = Sandbox::find(&place).await?;
    let status = found.ok_or_else(|| {
        Failure::said(
            format!("the sandbox of lab {} does not run", place.lab()),
            "`labctl sandbox up` starts it",
        )
    })?;
    let region = parsed.plan.region.to_string();
    let credentials = place.credentials().display().to_string();
    let settings = report::environment(status.port, &credentials, &region);
    let settings = settings.map_err(|_| {
        Failure::said(
            format!("`{}` is a path that no shell takes", harmless(&credentials)),
            "XDG_STATE_HOME leads to another folder",
        )
    })?;
    out.result(&settings);
    Ok(())
}
