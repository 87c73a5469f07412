//! `labctl status`: the lab as it is.

use std::process::ExitCode;

use clap::Args;

use crate::cloud::resources::{self, Reader, Scope};
use crate::report::{Out, StatusView, json, status};

use super::Failure;
use super::arguments::Global;
use super::workflow::pages::{self, RunningServer};
use super::workflow::route::Route;
use super::workflow::session;

/// What `status` takes.
#[derive(Debug, Args)]
pub struct Arguments {
    /// Print one JSON document
    #[arg(long)]
    pub json: bool,
}

/// Reads and shows.
pub async fn run(global: &Global, out: &Out) -> Result<ExitCode, Failure> {
    let parsed = session::load(global)?;
    let (aws, route) = session::connect(&parsed, global, out).await?;
    let scope = Scope::of(&parsed.plan);
    let live = resources::read(&Reader::new(&aws, &scope)).await?;
    let running = RunningServer::of(&live);
    let pages = match running {
        Some(server) => pages::pages(&route, &parsed.plan, server).await,
        None => Vec::new(),
    };
    let is_reached =
        running.is_some_and(|server| server.public.is_some() || !route.needs_address());
    // A sandbox tells a way of its own.
    let has_shell = is_reached && pages.is_empty() && !matches!(route, Route::Sandbox(_));
    let view = StatusView {
        pages: &pages,
        shell: has_shell.then_some("labctl ssh"),
        lab: &scope.lab,
        region: &scope.region,
        account: &live.account,
        live: &live,
    };
    match out.is_json() {
        true => out.document(&json::status(&view)),
        false => {
            out.result(&status::status(&view));
            route.tell(out).await?;
        }
    }
    Ok(ExitCode::SUCCESS)
}
