//! `labctl adopt`: takes something that exists into the lab, by its tags.

use std::cell::RefCell;
use std::process::ExitCode;

use clap::Args;

use crate::cloud::api::Cloud;
use crate::cloud::diff::Change;
use crate::cloud::planning::{self, Planned};
use crate::cloud::resource::{Address, Owner};
use crate::cloud::resources::run::Shared;
use crate::cloud::resources::{DesiredResource, LiveResource};
use crate::cloud::resources::{LAB_TAG, Run, adoption};
use crate::report::Out;

use super::arguments::Global;
use super::workflow::{cloud_apply, session};
use super::{Failure, apply};

/// What `adopt` takes.
#[derive(Debug, Args)]
pub struct Arguments {
    /// The resource of the plan, such as `bucket` or `record.www.CNAME`
    address: Address,
    /// Its id in AWS, such as i-0123… or the bucket's name
    id: String,
    /// Adopt without asking
    #[arg(short, long)]
    yes: bool,
}

/// Finds it, asks, tags it; what differs from the plan is apply's matter.
pub async fn run(global: &Global, arguments: &Arguments, out: &Out) -> Result<ExitCode, Failure> {
    let parsed = session::load(global)?;
    let laptop = session::laptop(&parsed, global, out).await?;
    let (aws, _) = session::connect(&parsed, global, out).await?;
    let planned = planning::plan(&aws, &parsed.plan, &laptop).await?;
    let (address, id) = (&arguments.address, arguments.id.as_str());
    let desired = wanted(&planned, address)?;
    let live = find(&aws, &planned, address, id).await?;
    check_is_free(&live)?;
    let question = format!(
        "take `{id}` into the lab `{}` as `{address}`?",
        planned.scope.lab
    );
    cloud_apply::confirm(&question, arguments.yes, out)?;
    let shared = Shared {
        handles: RefCell::new(planned.live.handles()),
        ..Shared::new(
            &aws,
            &planned.scope,
            &planned.live.account,
            &planned.lookups,
        )
    };
    let say = |text: &str| out.say(text);
    adoption::adopt(&live, &desired, &Run::new(&shared, address, &say)).await?;
    out.result(&format!(
        "`{id}` is the lab's `{address}` now; `labctl plan` shows how it differs from the plan"
    ));
    Ok(ExitCode::SUCCESS)
}

fn wanted(planned: &Planned, address: &Address) -> Result<DesiredResource, Failure> {
    let change = planned
        .set
        .changes
        .iter()
        .find(|change| change.address() == address);
    match change {
        Some(Change::Create(desired)) => Ok(desired.clone()),
        Some(Change::Conflict(conflict)) if conflict.owner != Owner::Other => {
            Err(apply::out_of_reach(conflict))
        }
        Some(Change::Conflict(conflict)) => Ok(conflict.desired.clone()),
        Some(Change::None(live)) if live.owner == Owner::Other => Err(Failure::said(
            format!("`{address}` is used as it is and stays somebody else's"),
            "there is nothing to adopt",
        )),
        Some(change) => Err(Failure::said(
            format!(
                "the lab has its `{address}` already: `{}`",
                change
                    .live()
                    .map(|live| live.id.as_str())
                    .unwrap_or_default()
            ),
            "there is nothing to adopt",
        )),
        None => Err(Failure::said(
            format!("the plan has no `{address}`"),
            "add its section to the plan first",
        )),
    }
}

async fn find(
    cloud: &dyn Cloud,
    planned: &Planned,
    address: &Address,
    id: &str,
) -> Result<LiveResource, Failure> {
    let mut in_the_way = planned.live.resources.iter().filter(|live| {
        live.owner == Owner::Other && live.address == *address && adoption::is_called(live, id)
    });
    if let Some(live) = in_the_way.next() {
        return Ok(live.clone());
    }
    let found = adoption::find(cloud, &planned.scope, address, id).await?;
    found.ok_or_else(|| {
        Failure::said(
            format!("there is no `{id}` that could be this lab's `{address}`"),
            "ids are shown by `labctl plan` where something is in the way; a key pair, group, \
             role or bucket must have the name that the plan gives it",
        )
    })
}

fn check_is_free(live: &LiveResource) -> Result<(), Failure> {
    match live.observed.tags.get(LAB_TAG) {
        None => Ok(()),
        Some(lab) => Err(Failure::said(
            format!("`{}` belongs to the lab `{lab}`", live.id),
            "nothing was changed; destroy that lab first, or take the tag off by hand",
        )),
    }
}
