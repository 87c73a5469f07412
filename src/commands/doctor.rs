//! `labctl doctor`: looks at everything on the way from a browser to the
//! server's services, and says what to do about what is wrong. It changes nothing.

use std::net::IpAddr;
use std::process::ExitCode;
use std::str::FromStr;
use std::time::SystemTime;

use clap::Args;
use futures_util::future::{join, join_all};

use crate::cli::{Global, Place};
use crate::doctor::{self, Door, Finding};
use crate::host::ssh::Patience;
use crate::host::{self, session as host_session};
use crate::outside::dns::{self, Resolver};
use crate::outside::{RESOLVERS, ports, tls};
use crate::permissions;
use crate::plan::{self, HttpsMode, Parsed};
use crate::report::{Out, doctor as report, explain};
use crate::resource::Power;
use crate::resources::{self, Kind, LiveLab, Reader, Scope};

use super::server::Server;
use super::way::Way;
use super::{Failure, session};

/// What `doctor` takes.
#[derive(Debug, Args)]
pub struct Arguments {
    /// Try what takes minutes too: a notebook server that starts, and a cell that runs in it
    #[arg(long)]
    deep: bool,
    /// Print one JSON document
    #[arg(long)]
    pub json: bool,
    /// Ask this resolver where names lead, instead of 1.1.1.1, 8.8.8.8 and 9.9.9.9; may be given again
    #[arg(long, value_name = "ADDRESS[:PORT]")]
    resolver: Vec<Resolver>,
    /// Print instead the least IAM policy that this command needs for the plan [default: all commands]; asks nobody
    #[arg(long, value_name = "COMMAND", num_args = 0..=1)]
    iam_policy: Option<Option<permissions::Command>>,
    /// Look for a port of the server there, such as at a tunnel's end; may be given again
    #[arg(long, value_name = "PORT=ADDRESS[:PORT]")]
    at: Vec<Detour>,
}

/// Where a port of the server is found instead.
#[derive(Debug, Clone)]
pub struct Detour {
    port: u16,
    place: Place,
}

impl FromStr for Detour {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (port, place) = text
            .split_once('=')
            .ok_or("it is written like `443=127.0.0.1:8443`")?;
        let port = port
            .parse()
            .map_err(|_| "a port's number comes before `=`")?;
        let place = place.parse()?;
        Ok(Self { port, place })
    }
}

const SSH: u16 = 22;
const HTTP: u16 = 80;
const HTTPS: u16 = 443;

/// All that looking takes.
struct Round<'a> {
    arguments: &'a Arguments,
    parsed: &'a Parsed,
    way: &'a Way,
    out: &'a Out,
    /// The server's id and address.
    id: String,
    address: Option<IpAddr>,
}

/// Looks, and tells.
pub async fn run(global: &Global, arguments: &Arguments, out: &Out) -> Result<ExitCode, Failure> {
    let parsed = session::load(global)?;
    if let Some(command) = arguments.iam_policy {
        out.document(&permissions::policy(&parsed.plan, command));
        return Ok(ExitCode::SUCCESS);
    }
    let laptop = session::laptop_without_address(&parsed)?;
    let (aws, way) = session::connect(&parsed, global, out).await?;
    let scope = Scope::of(&parsed.plan);
    let live = resources::read(&Reader::new(&aws, &scope)).await;
    let mut findings = vec![lab(&live)];
    match live.ok().and_then(|live| running(&live)) {
        None => findings.push(Finding::skipped(
            "everything else",
            "there is no server to look at",
        )),
        Some((id, address)) => {
            let server = Server {
                cloud: &aws,
                way: &way,
                parsed: &parsed,
                public_key: &laptop.public_key,
                out,
                id: id.clone(),
                address,
                patience: Patience::RUNNING.into(),
            };
            let round = Round {
                arguments,
                parsed: &parsed,
                way: &way,
                out,
                id,
                address,
            };
            let (outside, inside) = join(round.outside(), round.inside(&server)).await;
            findings.extend(outside);
            findings.extend(inside?);
        }
    }
    let (name, region) = (&scope.lab, &scope.region);
    match out.is_json() {
        true => out.document(&report::document(name, region, &findings)),
        false => out.result(&report::text(name, &findings)),
    }
    Ok(ExitCode::from(u8::from(!report::is_well(&findings))))
}

/// Whether there is a server that runs.
fn lab(live: &Result<LiveLab, crate::cloud::CallError>) -> Finding {
    let live = match live {
        Ok(live) => live,
        Err(error) => {
            let explanation = explain::call_error(error);
            let help = explanation.help.unwrap_or_default();
            return Finding::failed("AWS", explanation.summary, help);
        }
    };
    match live.current(Kind::Instance) {
        None => Finding::failed(
            "server",
            "the lab has no server",
            "`labctl apply` makes one",
        ),
        Some(server) if server.observed.power != Some(Power::Running) => Finding::failed(
            "server",
            format!("`{}` does not run", server.id),
            "`labctl start` starts it",
        ),
        Some(server) => Finding::ok(
            "server",
            match live.public_address() {
                Some(address) => format!("`{}` runs, at {address}", server.id),
                None => format!("`{}` runs, without a public address", server.id),
            },
        ),
    }
}

fn running(live: &LiveLab) -> Option<(String, Option<IpAddr>)> {
    let server = live.current(Kind::Instance)?;
    let runs = server.observed.power == Some(Power::Running);
    runs.then(|| (server.id.clone(), live.public_address().map(IpAddr::from)))
}

impl Round<'_> {
    /// What the world sees.
    async fn outside(&self) -> Vec<Finding> {
        let names = self.names();
        let names = join_all(names.iter().map(|name| self.name(name)));
        let ports = join_all(self.doors().into_iter().map(|door| self.port(door)));
        let (mut findings, ports) = join(names, ports).await;
        findings.extend(ports);
        findings.extend(self.certificate().await);
        findings
    }

    fn names(&self) -> Vec<String> {
        let plan = &self.parsed.plan;
        let workbench = plan.workbench.as_ref();
        workbench.map_or_else(Vec::new, |workbench| plan::server_names(plan, workbench))
    }

    async fn name(&self, name: &str) -> Finding {
        // Nobody but this laptop knows a sandbox's names.
        if matches!(self.way, Way::Sandbox(_)) && self.arguments.resolver.is_empty() {
            return Finding::skipped(
                format!("DNS of {name}"),
                "a sandbox's names are not the world's",
            );
        }
        let public = || {
            RESOLVERS
                .iter()
                .filter_map(|resolver| resolver.parse().ok())
                .collect()
        };
        let resolvers: Vec<Resolver> = match self.arguments.resolver.as_slice() {
            [] => public(),
            given => given.to_vec(),
        };
        let asked = resolvers.iter().map(|resolver| async move {
            let answer = dns::addresses(*resolver, name).await;
            (resolver.to_string(), answer)
        });
        doctor::name(name, self.address, &join_all(asked).await)
    }

    fn doors(&self) -> Vec<Door<'static>> {
        let plan = &self.parsed.plan;
        let has_web = plan.workbench.is_some();
        let doors = [(SSH, "ssh"), (HTTP, "nginx"), (HTTPS, "nginx")];
        let doors = doors
            .into_iter()
            .filter(|(port, _)| *port == SSH || has_web);
        doors
            .map(|(port, unit)| {
                let mut rules = plan.security_group.ingress.iter();
                Door {
                    port,
                    unit,
                    is_open: rules.any(|rule| rule.port.get() == port),
                }
            })
            .collect()
    }

    /// Where a port of the server is to be looked for.
    async fn place(&self, port: u16) -> Option<Place> {
        let detour = self.arguments.at.iter().find(|detour| detour.port == port);
        if let Some(detour) = detour {
            return Some(detour.place.clone());
        }
        match port {
            SSH => self.way.place(&self.id, self.address).await.ok(),
            _ => self.way.web_place(&self.id, self.address, port).await,
        }
        .filter(|place| !place.address.is_empty())
    }

    async fn port(&self, door: Door<'_>) -> Finding {
        match self.place(door.port).await {
            Some(place) => {
                let knock = ports::knock(&place.address, place.port).await;
                doctor::port(door, &knock)
            }
            None => Finding::skipped(
                format!("port {}", door.port),
                format!(
                    "nothing leads there; `--at {}=ADDRESS:PORT` names a way",
                    door.port
                ),
            ),
        }
    }

    async fn certificate(&self) -> Option<Finding> {
        let plan = self.way.host_plan(&self.parsed.plan);
        let mode = plan.workbench.as_ref()?.https.mode;
        let names = self.names();
        let name = names.first().filter(|_| mode != HttpsMode::Off)?;
        let Place { address, port } = self.place(HTTPS).await?;
        let served = tls::served(&address, port, name).await;
        // Whose authority is a rehearsal's own is trusted by nobody.
        let mode = match self.way {
            Way::Sandbox(_) => HttpsMode::SelfSigned,
            _ => mode,
        };
        Some(doctor::certificate(name, mode, &served, SystemTime::now()))
    }

    /// What the server says of itself.
    async fn inside(&self, server: &Server<'_>) -> Result<Vec<Finding>, Failure> {
        let plan = self.way.host_plan(&self.parsed.plan);
        let (gates, model) = match &plan.workbench {
            None => (Vec::new(), None),
            Some(workbench) => {
                let desired = host::desired(plan, workbench, &host::Inputs::default())?;
                (desired.gates, desired.model)
            }
        };
        if let Some(obstacle) = self.way.obstacle() {
            return Ok(vec![Finding::skipped("SSH", obstacle)]);
        }
        if self.address.is_none() && self.way.needs_address() {
            let why = "the server has no public address; `--connect-to` names another way";
            return Ok(vec![Finding::skipped("SSH", why)]);
        }
        if self.arguments.deep && !self.out.is_json() {
            self.out
                .say("trying the gates on the server; this takes a few minutes");
        }
        let looked = async {
            let connection = server.open().await?;
            let deep = self.arguments.deep;
            host_session::examine(&connection, &gates, model.as_ref(), deep).await
        };
        Ok(match looked.await {
            Ok((seen, now)) => doctor::server_findings(&seen, now),
            Err(error) => vec![Finding::failed("SSH", error.to_string(), error.hint())],
        })
    }
}
