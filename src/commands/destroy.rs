//! `labctl destroy`: takes the lab down, and nothing else.

use std::process::ExitCode;
use std::time::Duration;

use clap::Args;

use crate::cloud::api::Read;
use crate::cloud::diff::Change;
use crate::cloud::planning::{self, Planned};
use crate::cloud::resource::Owner;
use crate::cloud::resources::LiveResource;
use crate::cloud::resources::{Body, Kind, Scope, bucket};
use crate::cloud::verdict;
use crate::plan::DurationSetting;
use crate::report::{Out, outcome, text, verdict as report_verdict};

use super::Failure;
use super::arguments::Global;
use super::workflow::cloud_apply::{self, Options};
use super::workflow::plan_view::view;
use super::workflow::session;

/// What `destroy` takes.
#[derive(Debug, Args)]
pub struct Arguments {
    /// Destroy without asking
    #[arg(short, long)]
    yes: bool,
    /// Delete the bucket's objects too, with all their versions
    #[arg(long)]
    empty_bucket: bool,
    /// Delete the hosted zone too; a new one will have other name servers
    #[arg(long)]
    delete_zone: bool,
    /// Begin and await nothing more in AWS after this time, such as `90s`, `30m` or `2h`
    #[arg(long, value_name = "TIME", default_value = "1h")]
    deadline: DurationSetting,
    /// Print one JSON event a line
    #[arg(long)]
    pub json: bool,
}

/// Reads, shows, refuses what must not be, asks, deletes.
pub async fn run(global: &Global, arguments: &Arguments, out: &Out) -> Result<ExitCode, Failure> {
    let parsed = session::load(global)?;
    if parsed.plan.protect {
        return Err(Failure::problems(
            parsed.source.clone(),
            vec![parsed.problem(
                "protect",
                "the lab is protected against being destroyed",
                "nothing was deleted; if you mean it, write `protect: false` first",
            )],
        ));
    }
    let (aws, route) = session::connect(&parsed, global, out).await?;
    let scope = Scope::of(&parsed.plan);
    let planned = planning::plan_destroy(&aws, scope, arguments.delete_zone).await?;
    if !out.is_json() {
        out.result(&text::destroy(&view(&planned)));
    }
    let mut refusals = full_buckets(&aws, &planned, arguments.empty_bucket).await?;
    refusals.extend(used_zones(&planned));
    if !refusals.is_empty() {
        return Err(Failure::said(
            refusals.join("; "),
            "nothing was deleted; `--empty-bucket` deletes what is in the bucket, records of \
             others are deleted by hand",
        ));
    }
    if planned.set.has_work() {
        let verdict = verdict::of(&planned.scope.region, &planned.set);
        let question = report_verdict::question(&verdict, "delete all this?");
        cloud_apply::confirm(&question, arguments.yes, out)?;
    }
    let options = Options {
        empty_bucket: arguments.empty_bucket,
        stops_at_failure: true,
        deadline: Duration::from_secs(arguments.deadline.as_secs().into()),
        parsed: &parsed,
        route: &route,
    };
    let ended = cloud_apply::apply(&aws, &planned, &options, out).await?;
    if ended.is_complete() {
        for server in deleted(&planned, Kind::Instance) {
            // Its key means nothing any more, but does no harm either.
            let _ = route.known_hosts().forget(&server.id);
        }
    }
    ended.tell(&planned, outcome::destroyed, out)
}

fn deleted(planned: &Planned, kind: Kind) -> impl Iterator<Item = &LiveResource> {
    planned
        .set
        .changes
        .iter()
        .filter_map(move |change| match change {
            Change::Delete(live) if live.address.kind() == kind => Some(live),
            _ => None,
        })
}

async fn full_buckets(
    cloud: &dyn Read,
    planned: &Planned,
    may_be_emptied: bool,
) -> Result<Vec<String>, Failure> {
    let mut refusals = Vec::new();
    if may_be_emptied {
        return Ok(refusals);
    }
    for live in deleted(planned, Kind::Bucket) {
        if bucket::holds_anything(cloud, live, &planned.live.account).await? {
            refusals.push(format!("the bucket `{}` is not empty", live.id));
        }
    }
    Ok(refusals)
}

/// A zone with records of others cannot be deleted, and those are not touched.
fn used_zones(planned: &Planned) -> Vec<String> {
    let records: Vec<&LiveResource> = planned
        .live
        .resources
        .iter()
        .filter(|live| live.address.kind() == Kind::Record && live.owner != Owner::Lab)
        .collect();
    let mut refusals = Vec::new();
    for zone in deleted(planned, Kind::Zone) {
        let Body::Zone(body) = &zone.body else {
            continue;
        };
        let others: Vec<_> = records
            .iter()
            .filter_map(|live| match &live.body {
                Body::Record(record) if record.zone_name == body.name => {
                    Some(format!("{} {}", record.name, record.record_type))
                }
                _ => None,
            })
            .collect();
        if !others.is_empty() {
            refusals.push(format!(
                "the zone `{}` has records that are not this lab's: {}",
                body.name,
                others.join(", ")
            ));
        }
    }
    refusals
}
