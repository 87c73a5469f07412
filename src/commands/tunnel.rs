//! `labctl tunnel`: a service of the server, reached from this laptop alone, through SSH.

use std::net::{Ipv4Addr, TcpListener};
use std::process::ExitCode;
use std::str::FromStr;

use clap::Args;

use crate::host::pieces;
use crate::host::services::Service;
use crate::plan::Parsed;
use crate::report::Out;

use super::Failure;
use super::arguments::Global;
use super::workflow::server::{LOGIN, Visit};
use super::workflow::system_ssh::{self, Held, Over};
use super::workflow::{interrupt, session};

/// What `tunnel` takes.
#[derive(Debug, Args)]
pub struct Arguments {
    #[arg(value_name = "SERVICE", help = what())]
    end: End,
    /// The port on this laptop [default: the same as on the server; 8000 more below 1024]
    #[arg(short, long, value_name = "PORT", value_parser = clap::value_parser!(u16).range(1..))]
    local_port: Option<u16>,
}

/// The far end of a tunnel.
#[derive(Debug, Clone, Copy)]
enum End {
    Service(&'static Service, u16),
    Port(u16),
}

/// Ports below this one are the administrator's (ip(7), "privileged ports").
const PRIVILEGED: u16 = 1024;
const ABOVE_PRIVILEGED: u16 = 8000;
/// What the server prints once the tunnel stands.
const STANDS: &str = "labctl-tunnel-stands";
/// What it prints where nobody would be at its end.
const NOBODY: &str = "labctl-tunnel-nobody";

impl FromStr for End {
    type Err = String;

    fn from_str(word: &str) -> Result<Self, String> {
        if let Ok(port) = word.parse::<u16>() {
            return match port {
                0 => Err("a port is a number from 1 to 65535".to_owned()),
                port => Ok(Self::Port(port)),
            };
        }
        let service = pieces::service(word);
        let end = service.and_then(|service| Some(Self::Service(service, service.port?)));
        end.ok_or_else(|| format!("it is one of {}, or a port's number", names()))
    }
}

/// The services that a tunnel leads to.
fn names() -> String {
    let there = pieces::services().filter(|service| service.port.is_some());
    let names: Vec<_> = there.map(|service| service.name).collect();
    names.join(", ")
}

fn what() -> String {
    format!("What to reach: {}, or a port of the server", names())
}

impl End {
    const fn port(self) -> u16 {
        match self {
            Self::Service(_, port) | Self::Port(port) => port,
        }
    }

    /// What is there, for messages.
    fn name(self) -> String {
        match self {
            Self::Service(service, _) => format!("`{}`", service.name),
            Self::Port(port) => format!("port {port} of the server"),
        }
    }

    /// Where a browser finds it; a bare port may be anything.
    fn url(self, parsed: &Parsed, local: u16) -> String {
        let workbench = parsed.plan.workbench.as_ref();
        match (self, workbench) {
            (Self::Service(service, _), Some(workbench)) => {
                format!("http://127.0.0.1:{local}{}", (service.path)(workbench))
            }
            _ => format!("127.0.0.1:{local}"),
        }
    }

    /// What to do where nobody is at the end.
    fn help(self) -> String {
        match self {
            Self::Service(service, _) => format!(
                "`labctl apply` sets it up; `labctl logs {}` shows why it does not run",
                service.name
            ),
            Self::Port(_) => {
                "`labctl ssh sudo ss -ltnp` shows which programs listen on which ports".to_owned()
            }
        }
    }

    /// Refuses a service that the plan does not have.
    fn check(self, parsed: &Parsed) -> Result<(), Failure> {
        let Self::Service(service, port) = self else {
            return Ok(());
        };
        let workbench = session::workbench(parsed)?;
        if (service.is_in)(workbench) {
            return Ok(());
        }
        let there = pieces::services().filter(|known| known.port.is_some());
        let there: Vec<_> = there
            .filter(|known| (known.is_in)(workbench))
            .map(|known| known.name)
            .collect();
        let others = match there.as_slice() {
            [] => "it has none of the services that a tunnel leads to".to_owned(),
            names => format!("it has: {}", names.join(", ")),
        };
        Err(Failure::said(
            format!("the plan has no `{}`", service.key),
            format!(
                "{others}; add `{}` to `workbench` and apply, or name the port: `labctl tunnel {port}`",
                service.key
            ),
        ))
    }
}

/// Opens the tunnel, says where it begins, and holds it until it is interrupted.
pub async fn run(global: &Global, arguments: &Arguments, out: &Out) -> Result<ExitCode, Failure> {
    let parsed = session::load(global)?;
    let end = arguments.end;
    end.check(&parsed)?;
    let local = arguments.local_port.unwrap_or(match end.port() {
        port if port < PRIVILEGED => port + ABOVE_PRIVILEGED,
        port => port,
    });
    check_free(local)?;
    let url = end.url(&parsed, local);
    let visit = Visit::new(parsed, global, out).await?;
    let forward = format!("127.0.0.1:{local}:127.0.0.1:{}", end.port());
    let mut options = vec!["-o", "ExitOnForwardFailure=yes", "-L", &forward];
    options.extend(system_ssh::OWN);
    let ssh = system_ssh::ssh(&visit, LOGIN, &options).await?;
    let mut held = Held::start(ssh, &remote(end.port()))?;
    let held = &mut held;
    match interrupt::leaving(stand(held, end, local, &url, out)).await {
        None => {
            out.say("the tunnel is closed");
            Ok(ExitCode::SUCCESS)
        }
        Some(ended) => ended,
    }
}

/// Listens on the laptop's port for a moment, because `ssh` says of a port that is taken no more than that.
fn check_free(port: u16) -> Result<(), Failure> {
    TcpListener::bind((Ipv4Addr::LOCALHOST, port))
        .map(drop)
        .map_err(|error| {
            let why = match error.kind() {
                std::io::ErrorKind::AddrInUse => "another program listens there".to_owned(),
                std::io::ErrorKind::PermissionDenied => {
                    "ports below 1024 are the administrator's".to_owned()
                }
                _ => error.to_string(),
            };
            Failure::said(
                format!("port {port} of this laptop cannot be used: {why}"),
                "choose another one by `--local-port PORT`",
            )
        })
}

/// What runs at the far end: it sees whether anybody listens there, and stays until its input ends.
fn remote(port: u16) -> String {
    let knock =
        format!("import socket; socket.create_connection((\"127.0.0.1\", {port}), 5).close()");
    // A shell of the user's own kind reads this line, and may know no more than POSIX asks for.
    format!(
        "if python3 -I -c '{knock}' 2>/dev/null; then echo {STANDS}; exec cat >/dev/null; else echo {NOBODY}; fi"
    )
}

async fn stand(
    held: &mut Held,
    end: End,
    local: u16,
    url: &str,
    out: &Out,
) -> Result<ExitCode, Failure> {
    let mut stood = false;
    while let Some(line) = held.line().await {
        if line.ends_with(STANDS) {
            stood = true;
            out.result(url);
            out.say(&format!(
                "{} is reached there from this laptop alone, until Ctrl-C",
                end.name()
            ));
        } else if line.ends_with(NOBODY) {
            return Err(Failure::said(
                format!("nobody listens on port {} of the server", end.port()),
                end.help(),
            ));
        }
    }
    Err(ended(&held.over(), stood, local))
}

fn ended(over: &Over, stood: bool, local: u16) -> Failure {
    let said = over.last();
    match stood {
        true => Failure::said(
            format!("the tunnel has ended: {said}"),
            "`labctl status` shows whether the server runs; start the tunnel again when it does",
        ),
        false => Failure::said(
            format!("the tunnel from port {local} does not stand: {said}"),
            "`labctl ssh` tries the way to the server alone",
        ),
    }
}
