//! What `apply` and `destroy` do alike: ask, run the steps, say how it ended.

use std::cell::Cell;
use std::collections::BTreeSet;
use std::process::ExitCode;
use std::time::Duration;

use tokio::time::Instant;

use crate::cloud::api::Cloud;
use crate::cloud::apply::{Applying, Outcome};
use crate::cloud::diff::{Change, ChangeSet};
use crate::cloud::graph::{self, Graph};
use crate::cloud::planning::Planned;
use crate::cloud::resource::{Address, Impact};
use crate::cloud::resources::Kind;
use crate::plan::Parsed;
use crate::report::{Out, OutcomeView, Outputs, Progress, json};

use super::Failure;
use super::interrupt;
use super::route::Route;
use super::server::LOGIN;

/// How to run.
pub struct Options<'a> {
    /// Whether buckets are emptied before they are deleted.
    pub empty_bucket: bool,
    /// Whether nothing more is begun once a step has failed.
    pub stops_at_failure: bool,
    /// How long it may take.
    pub deadline: Duration,
    /// The plan.
    pub parsed: &'a Parsed,
    /// The way to the server.
    pub route: &'a Route,
}

/// Asks, unless the answer was given by `--yes`.
pub fn confirm(question: &str, yes: bool, out: &Out) -> Result<(), Failure> {
    if yes {
        return Ok(());
    }
    if !out.is_terminal() {
        return Err(Failure::said(
            "nobody is there to be asked",
            "nothing was changed; look at the change above, and run again with `--yes`",
        ));
    }
    match out.confirm(question) {
        true => Ok(()),
        false => Err(Failure::said("nothing was changed", "only `yes` is a yes")),
    }
}

/// How the cloud's half ended.
pub struct Ended {
    graph: Graph,
    outcome: Outcome,
    interrupted: bool,
    /// What answers now.
    pub outputs: Outputs,
    /// What exists now.
    pub server: Option<String>,
}

impl Ended {
    /// Whether all is done.
    pub fn is_complete(&self) -> bool {
        is_done(&self.outcome) && !self.interrupted
    }

    /// What there is to show.
    pub const fn view<'a>(&'a self, planned: &'a Planned) -> OutcomeView<'a> {
        OutcomeView {
            set: &planned.set,
            graph: &self.graph,
            outcome: &self.outcome,
            outputs: &self.outputs,
        }
    }

    /// Says how it ended.
    pub fn tell(
        &self,
        planned: &Planned,
        ending: fn(&OutcomeView<'_>) -> String,
        out: &Out,
    ) -> Result<ExitCode, Failure> {
        let view = self.view(planned);
        match out.is_json() {
            true => out.json(&json::outcome(&view, None)),
            false => out.result(&ending(&view)),
        }
        verdict(&self.outcome, self.interrupted)
    }
}

/// Runs the steps.
pub async fn apply(
    cloud: &dyn Cloud,
    planned: &Planned,
    options: &Options<'_>,
    out: &Out,
) -> Result<Ended, Failure> {
    let graph = graph::build(&planned.set)
        .map_err(|error| Failure::said(error.to_string(), "nothing was changed"))?;
    let interrupted = Cell::new(false);
    let progress = Progress::new(out);
    let applying = Applying {
        cloud,
        scope: &planned.scope,
        lookups: &planned.lookups,
        live: &planned.live,
        empty_bucket: options.empty_bucket,
        stops_at_failure: options.stops_at_failure,
        deadline: Some(Instant::now() + options.deadline),
        interrupted: &interrupted,
        listener: &progress,
    };
    let outcome = interrupt::guarded(applying.apply(&graph), &interrupted, &progress).await;
    progress.finish();
    let outputs = outputs(options, planned, &outcome);
    let server = outcome.handles.get(&Address::of(Kind::Instance));
    Ok(Ended {
        server: server.map(|handle| handle.id.clone()),
        interrupted: interrupted.get(),
        graph,
        outcome,
        outputs,
    })
}

const fn is_done(outcome: &Outcome) -> bool {
    outcome.failed.is_empty() && outcome.skipped.is_empty() && outcome.withheld.is_empty()
}

fn verdict(outcome: &Outcome, interrupted: bool) -> Result<ExitCode, Failure> {
    if interrupted {
        Err(Failure::Interrupted)
    } else if is_done(outcome) {
        Ok(ExitCode::SUCCESS)
    } else {
        Err(Failure::Reported)
    }
}

/// What is not as it shall be: its step failed, or was not begun.
fn undone(outcome: &Outcome) -> BTreeSet<&Address> {
    let failed = outcome.failed.iter().map(|(step, _)| step);
    let steps = failed.chain(&outcome.skipped).chain(&outcome.withheld);
    steps.flat_map(|step| &step.addresses).collect()
}

/// What answers once the lab is up.
fn outputs(options: &Options<'_>, planned: &Planned, outcome: &Outcome) -> Outputs {
    let Options { parsed, route, .. } = options;
    let undone = undone(outcome);
    let get = |kind: Kind| outcome.handles.get(&Address::of(kind));
    let address = |kind: Kind| get(kind).and_then(|handle| handle.observed.public_ip);
    let own_address = address(Kind::Instance).filter(|_| keeps_address(&planned.set));
    // An Elastic IP that leads to no server is nobody's address.
    let leads = get(Kind::Instance).is_some() && !undone.contains(&Address::of(Kind::ElasticIp));
    let public_ip = address(Kind::ElasticIp).filter(|_| leads).or(own_address);
    let dns = parsed.plan.dns.as_ref();
    let is_new_zone = planned.set.changes.iter().any(
        |change| matches!(change, Change::Create(desired) if desired.address.kind() == Kind::Zone),
    );
    let servers = get(Kind::Zone).map(|handle| handle.observed.name_servers.clone());
    let zone_name = dns.map(|dns| dns.zone.to_string());
    let names = dns.into_iter().flat_map(|dns| {
        let leading = dns.records.iter().filter(|record| {
            let address = Address::record(record.name.as_str(), record.record_type.as_str());
            leads && record.uses_elastic_ip() && !undone.contains(&address)
        });
        leading.map(|record| record.name.within(&dns.zone).to_string())
    });
    Outputs {
        public_ip,
        power: get(Kind::Instance).and_then(|handle| handle.observed.power),
        names: names.collect(),
        name_servers: zone_name.zip(servers).filter(|_| is_new_zone),
        ssh: get(Kind::Instance).and(public_ip).map(|ip| match route {
            // Nobody is to go to an address that was made up.
            Route::Sandbox(_) => "labctl --sandbox ssh".to_owned(),
            Route::Straight | Route::Through(_) => ssh_line(parsed, &ip.to_string()),
        }),
        bucket: get(Kind::Bucket).map(|handle| handle.id.clone()),
    }
}

/// Whether the server's own address is still the one that was read: AWS gives it
/// another when it restarts, and when an Elastic IP is taken from it.
pub fn keeps_address(set: &ChangeSet) -> bool {
    !set.changes.iter().any(|change| match change {
        Change::Delete(live) => live.address.kind() == Kind::ElasticIp,
        _ => change.impact() == Impact::Restart,
    })
}

/// The private key lies beside the public one, by OpenSSH's custom.
fn ssh_line(parsed: &Parsed, address: &str) -> String {
    let public = parsed.plan.instance.key_pair.to_string();
    match public.strip_suffix(".pub") {
        Some(private) => format!("ssh -i {private} {LOGIN}@{address}"),
        None => format!("ssh {LOGIN}@{address}"),
    }
}
