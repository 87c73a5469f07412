//! `labctl start` and `labctl stop`: the server's power.

use std::process::ExitCode;

use crate::cloud::resource::{Address, Power};
use crate::cloud::resources::LiveResource;
use crate::cloud::resources::instance::power;
use crate::cloud::resources::run::Shared;
use crate::cloud::resources::{self, Body, Kind, Lookups, Reader, Run, Scope};
use crate::cloud::verdict;
use crate::report::{Out, verdict as report_verdict};

use super::Failure;
use super::arguments::Global;
use super::workflow::{server, session};

/// Starts the server and waits until it runs.
pub async fn start(global: &Global, out: &Out) -> Result<ExitCode, Failure> {
    set(global, out, Power::Running).await
}

/// Stops the server and waits until it is stopped.
pub async fn stop(global: &Global, out: &Out) -> Result<ExitCode, Failure> {
    set(global, out, Power::Stopped).await
}

async fn set(global: &Global, out: &Out, wanted: Power) -> Result<ExitCode, Failure> {
    let parsed = session::load(global)?;
    let (aws, _) = session::connect(&parsed, global, out).await?;
    let scope = Scope::of(&parsed.plan);
    let live = resources::read(&Reader::new(&aws, &scope)).await?;
    let server = server::of(&live)?;
    check_no_transaction(server)?;
    if server.observed.power != Some(wanted) {
        let lookups = Lookups::default();
        let shared = Shared::new(&aws, &scope, &live.account, &lookups);
        let verdict = verdict::of_power(&scope.region, &live, wanted);
        out.say(&report_verdict::line(&verdict));
        switch(&shared, server, wanted, out).await?;
    }
    out.result(match wanted {
        Power::Running | Power::Pending => "the server runs",
        Power::Stopped | Power::Stopping => {
            "the server is stopped; its disk and its address still cost a little, and \
             `labctl start` starts it again"
        }
    });
    Ok(ExitCode::SUCCESS)
}

/// A half-done resize is brought to its end by apply alone.
fn check_no_transaction(server: &LiveResource) -> Result<(), Failure> {
    match &server.body {
        Body::Instance(instance) => match &instance.transaction {
            None => Ok(()),
            Some(transaction) => Err(Failure::said(
                format!("a change of the server was cut off: {transaction}"),
                "`labctl apply` brings it to its end",
            )),
        },
        _ => Ok(()),
    }
}

async fn switch(
    shared: &Shared<'_>,
    server: &LiveResource,
    wanted: Power,
    out: &Out,
) -> Result<(), Failure> {
    let address = Address::of(Kind::Instance);
    let say = |text: &str| out.say(text);
    let run = Run::new(shared, &address, &say);
    let id = &server.id;
    match wanted {
        Power::Running | Power::Pending => {
            if server.observed.power == Some(Power::Stopping) {
                power::down(id, &run).await?;
            }
            power::start(id, &run).await?;
            power::up(id, &run).await?;
        }
        Power::Stopped | Power::Stopping => {
            power::stop(id, &run).await?;
            power::down(id, &run).await?;
        }
    }
    Ok(())
}
