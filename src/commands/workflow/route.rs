//! The way to the lab's server: to its own address, or to what stands in for it.

use std::net::IpAddr;

use crate::commands::arguments::{Endpoint, Global};
use crate::host::HostError;
use crate::host::ssh::KnownHosts;
use crate::plan::{HTTP_PORT, HTTPS_PORT, Plan};
use crate::report::{Out, sandbox as report};
use crate::sandbox::{Port, SandboxError};
use crate::support::folders;
use crate::support::hint::Hint;

use super::Failure;
use super::rehearsal::Rehearsal;

const SSH_PORT: u16 = 22;

/// How the server is reached.
#[derive(Debug)]
pub enum Route {
    /// At its own address.
    Straight,
    /// Through what the user has named, such as a tunnel.
    Through(Endpoint),
    /// It is a container on this laptop.
    Sandbox(Box<Rehearsal>),
}

impl Route {
    /// The way to a server in AWS.
    pub fn to_aws(global: &Global) -> Self {
        let through = global.connect_to.clone();
        through.map_or(Self::Straight, Self::Through)
    }

    /// Whether the server's public address is all that leads to it.
    pub const fn needs_address(&self) -> bool {
        matches!(self, Self::Straight)
    }

    /// Why no server can ever be reached this way, and what to do about it.
    pub fn obstacle(&self) -> Option<&str> {
        match self {
            Self::Sandbox(rehearsal) if rehearsal.status.engine.is_none() => Some(
                rehearsal
                    .status
                    .engine_problem
                    .as_deref()
                    .unwrap_or_default(),
            ),
            _ => None,
        }
    }

    /// The plan as the server that this way leads to can have it.
    pub fn host_plan<'a>(&'a self, plan: &'a Plan) -> &'a Plan {
        match self {
            Self::Sandbox(rehearsal) => &rehearsal.plan,
            Self::Straight | Self::Through(_) => plan,
        }
    }

    /// What is other than the plan says, on this way.
    pub fn note(&self) -> Option<String> {
        match self {
            Self::Sandbox(rehearsal) => rehearsal.note.clone(),
            Self::Straight | Self::Through(_) => None,
        }
    }

    /// Where the SSH of a server is.
    pub async fn place(&self, id: &str, address: Option<IpAddr>) -> Result<Endpoint, HostError> {
        match self {
            Self::Straight => Ok(Endpoint {
                address: address
                    .map(|address| address.to_string())
                    .unwrap_or_default(),
                port: SSH_PORT,
            }),
            Self::Through(place) => Ok(place.clone()),
            Self::Sandbox(rehearsal) => {
                let status = rehearsal.sandbox.status().await.map_err(no_way)?;
                let machine = status.machine(id);
                let ssh = machine.and_then(|machine| machine.ssh.clone());
                let Port { address, port } = ssh.ok_or_else(|| {
                    let problem = machine.and_then(|machine| machine.problem.clone());
                    let problem = problem.unwrap_or_else(|| "it does not run (yet)".to_owned());
                    HostError::NoWay {
                        reason: format!("the container of `{id}` cannot be reached: {problem}"),
                        hint: "`labctl sandbox status` shows the containers, `labctl sandbox up` \
                               repairs them"
                            .to_owned(),
                    }
                })?;
                Ok(Endpoint { address, port })
            }
        }
    }

    /// Where another port of a server is; none where nothing is known that leads there.
    pub async fn web_place(
        &self,
        id: &str,
        address: Option<IpAddr>,
        port: u16,
    ) -> Option<Endpoint> {
        match self {
            Self::Straight => Some(Endpoint {
                address: address?.to_string(),
                port,
            }),
            Self::Through(_) => None,
            Self::Sandbox(rehearsal) => {
                let status = rehearsal.sandbox.status().await.ok()?;
                let machine = status.machine(id)?;
                let place = match port {
                    HTTP_PORT => machine.http.clone()?,
                    HTTPS_PORT => machine.https.clone()?,
                    _ => return None,
                };
                let Port { address, port } = place;
                Some(Endpoint { address, port })
            }
        }
    }

    /// Where host keys are remembered, by instance id: an address outlives its server.
    pub fn known_hosts(&self) -> KnownHosts {
        KnownHosts::at(match self {
            Self::Sandbox(rehearsal) => rehearsal.sandbox.place().known_hosts(),
            Self::Straight | Self::Through(_) => folders::state().join("known_hosts"),
        })
    }

    /// Lets a sandbox remember what has just been applied to a server for browsers.
    pub async fn note_site(&self, id: &str) -> Result<(), Failure> {
        if let Self::Sandbox(rehearsal) = self {
            let site = rehearsal.site();
            rehearsal.sandbox.note_site(id, site.as_ref()).await?;
        }
        Ok(())
    }

    /// Says how to look at servers whose addresses lead nowhere.
    pub async fn tell(&self, out: &Out) -> Result<(), Failure> {
        if let Self::Sandbox(rehearsal) = self {
            let ways = report::ways(&rehearsal.sandbox.status().await?);
            out.result(&ways.map(|ways| format!("\n{ways}")).unwrap_or_default());
        }
        Ok(())
    }
}

fn no_way(error: SandboxError) -> HostError {
    HostError::NoWay {
        reason: error.to_string(),
        hint: error.hint().into_owned(),
    }
}
