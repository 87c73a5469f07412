//! `labctl apply`: makes AWS and the server as the plan says, after a yes.

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use clap::Args;

use crate::cloud::diff::{Change, ChangeSet, Conflict};
use crate::cloud::estimate::Estimate;
use crate::cloud::planning::{self, Laptop, Planned};
use crate::cloud::resource::{Address, OnChange, Owner, Power};
use crate::cloud::resources::Kind;
use crate::cloud::saved_plan::{self, SavedPlan};
use crate::cloud::verdict::{self, Verdict};
use crate::plan::{self, DurationSetting, Parsed};
use crate::report::{
    self, Out, PlanView, host as report_host, json, outcome, verdict as report_verdict,
};
use crate::support::bounded;

use super::Failure;
use super::arguments::{Global, Half};
use super::workflow::cloud_apply::{self, Ended, Options};
use super::workflow::host_plan::{self, HostPlan};
use super::workflow::host_workflow::{self, Context, HostWorkflow, Reached};
use super::workflow::plan_view::{show, view};
use super::workflow::route::Route;
use super::workflow::{limits, rehearsal, server, session};

/// What `apply` takes.
#[derive(Debug, Args)]
pub struct Arguments {
    /// A plan that `labctl plan --out` saved; refused if the lab has changed since
    #[arg(value_name = "SAVED")]
    saved: Option<PathBuf>,
    /// Apply without asking; never covers the loss of data, see --replace
    #[arg(short, long)]
    yes: bool,
    /// Allow that this resource is replaced, and its data lost; may be repeated
    #[arg(long, value_name = "ADDRESS")]
    replace: Vec<Address>,
    /// Apply one half only: what is in AWS, or what is on the server
    #[arg(long, value_name = "cloud|host", hide_possible_values = true)]
    only: Option<Half>,
    /// Begin and await nothing more in AWS after this time, such as `90s`, `30m` or `2h`
    #[arg(long, value_name = "TIME", default_value = "1h")]
    deadline: DurationSetting,
    /// Print one JSON event a line
    #[arg(long)]
    pub json: bool,
}

impl Arguments {
    fn options<'a>(&self, parsed: &'a Parsed, route: &'a Route) -> Options<'a> {
        Options {
            empty_bucket: false,
            stops_at_failure: false,
            deadline: Duration::from_secs(self.deadline.as_secs().into()),
            parsed,
            route,
        }
    }
}

/// Reads, compares, shows, refuses what must not be, asks, applies.
pub async fn run(global: &Global, arguments: &Arguments, out: &Out) -> Result<ExitCode, Failure> {
    let saved = arguments.saved.as_deref().map(open).transpose()?;
    let (parsed, laptop) = match &saved {
        Some(saved) => reopen(saved, global, out)?,
        None => {
            let parsed = session::load_with_warnings(global, out)?;
            let laptop = session::laptop(&parsed, global, out).await?;
            (parsed, laptop)
        }
    };
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
    // Nobody has looked at the server's half of a plan that was saved without it.
    let is_without_host = saved.as_ref().is_some_and(SavedPlan::is_without_host);
    let only = arguments.only.or(is_without_host.then_some(Half::Cloud));
    let workflow = HostWorkflow::of(context, only).await?;
    if only == Some(Half::Host) {
        check_host_alone(&parsed, &planned, &route)?;
    }
    // Where nothing in AWS is to change, nothing will make the server answer.
    let insists = only == Some(Half::Host) || !planned.set.has_work();
    let host = match &workflow {
        Some(workflow) => Some(workflow.plan(&planned, insists).await?),
        None => None,
    };
    if let Some(saved) = &saved {
        check_unmoved(saved, &planned, &laptop, host.as_ref())?;
    }
    if !out.is_json() {
        let shown = PlanView {
            allowed: &arguments.replace,
            ..view(&planned)
        };
        show(&shown, host.as_ref(), only, out);
    }
    let does_cloud = only != Some(Half::Host);
    check(&parsed, &planned, arguments, does_cloud)?;
    host_plan::refuse(&host.as_ref().map(HostPlan::refusals).unwrap_or_default())?;
    let has_host_work = !is_off(&planned) && host.as_ref().is_some_and(HostPlan::has_work);
    if has_host_work {
        server::check_key(&parsed, &laptop.public_key, out).await?;
    }
    if (does_cloud && planned.set.has_work()) || has_host_work {
        let question = match does_cloud {
            true => report_verdict::question(&verdict_of(&planned), "apply these changes?"),
            false => "apply these changes?".to_owned(),
        };
        cloud_apply::confirm(&question, arguments.yes, out)?;
    }
    let options = arguments.options(&parsed, &route);
    let planned = match does_cloud {
        true => planned,
        false => without_changes(planned),
    };
    let ended = cloud_apply::apply(&aws, &planned, &options, out).await?;
    match (workflow, host) {
        (Some(workflow), Some(host)) if ended.is_complete() => {
            finish_host(&workflow, host, &planned, &ended, out).await
        }
        _ => ended.tell(&planned, outcome::applied, out),
    }
}

/// Refuses what must not be, before the first write.
fn check(
    parsed: &Parsed,
    planned: &Planned,
    arguments: &Arguments,
    does_cloud: bool,
) -> Result<(), Failure> {
    if !does_cloud {
        return Ok(());
    }
    session::refusals(parsed, &planned.set.refusals)?;
    let after = Estimate::after(&planned.scope.region, &planned.set);
    limits::check(parsed, &after)?;
    check_conflicts(&planned.set)?;
    check_data_is_safe(&planned.set, &arguments.replace, parsed.plan.protect)
}

/// Refuses what can only end with nothing done: the server's half alone, without a server.
fn check_host_alone(parsed: &Parsed, planned: &Planned, route: &Route) -> Result<(), Failure> {
    session::workbench(parsed)?;
    server::running(&planned.live, route).map(drop)
}

fn verdict_of(planned: &Planned) -> Verdict {
    verdict::of(&planned.scope.region, &planned.set)
}

fn is_off(planned: &Planned) -> bool {
    let server = planned.live.current(Kind::Instance);
    server.is_some_and(|server| server.observed.power != Some(Power::Running))
}

/// The lab as it is, with nothing to do in AWS.
fn without_changes(mut planned: Planned) -> Planned {
    let is_none = |change: &Change| matches!(change, Change::None(_));
    planned.set.changes.retain(is_none);
    planned
}

/// Sets up the server, and ends with what answers there.
async fn finish_host(
    workflow: &HostWorkflow<'_>,
    host: HostPlan,
    planned: &Planned,
    ended: &Ended,
    out: &Out,
) -> Result<ExitCode, Failure> {
    if !out.is_json() && planned.set.has_work() {
        out.result(&outcome::cloud_done(&ended.view(planned)));
    }
    let reached = match (&ended.server, ended.outputs.public_ip, ended.outputs.power) {
        (Some(_), _, Some(Power::Stopped | Power::Stopping)) | (None, ..) => None,
        (Some(id), Some(address), _) => Some(Reached {
            id: id.clone(),
            address: Some(address.into()),
            private: None,
            is_same: host_workflow::stays_up(&planned.set),
        }),
        (Some(id), None, _) => workflow.find(id).await?,
    };
    let Some(reached) = reached else {
        out.warning("the server does not run or has no public address, so it was not set up");
        return ended.tell(planned, outcome::applied, out);
    };
    let account = &planned.live.account;
    let (verdict, facts) = workflow.converge(host, reached.clone(), account).await?;
    if out.is_json() {
        out.json(&json::outcome(&ended.view(planned), verdict.as_ref()));
    }
    match verdict {
        Some(verdict) if !verdict.ok => {
            out.say(&report_host::failed(&verdict));
            Err(Failure::Reported)
        }
        verdict => {
            workflow.context.route.note_site(&reached.id).await?;
            if !out.is_json() {
                let pages = workflow.pages(&planned.live, &reached).await;
                let answers = workflow.answers(&facts, pages);
                out.result(&report_host::ended(verdict.as_ref(), &answers));
                out.result(&outcome::whereabouts(&ended.view(planned)));
                workflow.context.route.tell(out).await?;
            }
            Ok(ExitCode::SUCCESS)
        }
    }
}

fn open(file: &Path) -> Result<SavedPlan, Failure> {
    let bytes = bounded::read(file, saved_plan::MAXIMUM_BYTES).map_err(|error| {
        Failure::said(
            format!("cannot read the saved plan `{}`: {error}", file.display()),
            "name a file that `labctl plan --out FILE` wrote; a plan file is named by `--file`",
        )
    })?;
    SavedPlan::parse(&String::from_utf8_lossy(&bytes)).map_err(|error| {
        Failure::said(
            format!("`{}`: {error}", file.display()),
            "save it anew by `labctl plan --out FILE`; a plan file is named by `--file`",
        )
    })
}

fn reopen(saved: &SavedPlan, global: &Global, out: &Out) -> Result<(Parsed, Laptop), Failure> {
    let parsed = plan::parse(&saved.plan_file, &saved.plan_text).map_err(Failure::Problems)?;
    let parsed = rehearsal::in_its_account(parsed, global);
    let mut laptop = saved
        .laptop(session::folders(&parsed, out)?)
        .map_err(|error| Failure::said(error.to_string(), "save the plan anew"))?;
    laptop.certificate = session::certificate(&parsed, out)?;
    Ok((parsed, laptop))
}

/// A saved plan is what somebody agreed to; it is not stretched.
fn check_unmoved(
    saved: &SavedPlan,
    planned: &Planned,
    laptop: &Laptop,
    host: Option<&HostPlan>,
) -> Result<(), Failure> {
    let mut moved = saved.moved(&planned.live.account, &planned.live.resources);
    moved.extend(saved.moved_folders(&laptop.folders));
    if saved.certificate_has_moved(laptop) {
        moved.push("the files of the certificate have changed".to_owned());
    }
    let changes = host.map(|host| report_host::document(&host.view()));
    if changes.is_some_and(|now| saved.host_has_moved(&now)) {
        moved.push("what is to be changed on the server is not what it was".to_owned());
    }
    if moved.is_empty() {
        return Ok(());
    }
    Err(Failure::said(
        format!(
            "the lab is not as it was when the plan was saved:\n  {}",
            moved.join("\n  ")
        ),
        "nothing was changed; look at the new difference by `labctl plan`, and save it anew",
    ))
}

fn check_conflicts(set: &ChangeSet) -> Result<(), Failure> {
    if let Some(conflict) = set
        .conflicts()
        .find(|conflict| conflict.owner != Owner::Other)
    {
        return Err(out_of_reach(conflict));
    }
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

/// Says that something is in the way which can never be taken into the lab.
pub fn out_of_reach(conflict: &Conflict) -> Failure {
    let reason = report::conflict(conflict);
    let ways = reason.ways.join(", ");
    Failure::said(reason.why, format!("nothing was changed; {ways}"))
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
