//! What the sandbox's process tells of itself.

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

/// A running sandbox.
#[derive(Debug, Clone, Deserialize, Serialize)]
pub struct Status {
    /// The lab.
    pub lab: String,
    /// The port of the emulated AWS on 127.0.0.1.
    pub port: u16,
    /// The container engine.
    pub engine: Option<EngineStatus>,
    /// Why there is no engine.
    pub engine_problem: Option<String>,
    /// The image of servers to be made.
    pub image: Option<String>,
    /// Who issues certificates, or will as soon as it starts.
    pub authority: Option<Authority>,
    /// Why nobody does now.
    pub authority_problem: Option<String>,
    /// What went wrong.
    pub problems: Vec<String>,
    /// The servers.
    pub machines: Vec<Machine>,
    /// Which names lead to which server.
    pub names: BTreeMap<String, String>,
}

/// The container engine.
#[derive(Debug, Clone, Deserialize, Serialize)]
pub struct EngineStatus {
    /// `docker` or `podman`.
    pub name: String,
    /// Its version.
    pub version: String,
}

/// An authority in Let's Encrypt's place.
#[derive(Debug, Clone, Deserialize, Serialize)]
pub struct Authority {
    /// Its ACME directory, as servers reach it.
    pub directory: String,
    /// A file with the roots of its certificates, which no browser knows.
    pub root: PathBuf,
}

/// An instance and its container.
#[derive(Debug, Clone, Deserialize, Serialize)]
pub struct Machine {
    /// The instance's id.
    pub id: String,
    /// Its type, which the container has nothing of.
    pub instance_type: String,
    /// Its state in EC2.
    pub state: String,
    /// The container's name.
    pub container: Option<String>,
    /// The emulated public address, which leads nowhere.
    pub public_ip: Option<String>,
    /// The container's own address.
    pub ip: Option<String>,
    /// Where its SSH is.
    pub ssh: Option<Port>,
    /// Where its HTTP is.
    pub http: Option<Port>,
    /// Where its HTTPS is.
    pub https: Option<Port>,
    /// What is wrong with it.
    pub problem: Option<String>,
    /// What was applied to it for browsers; none before the first apply that brought a web server.
    pub site: Option<Site>,
}

/// What a server has for browsers.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize)]
pub struct Site {
    /// The names that are to lead there, the plan's domain first.
    pub names: Vec<String>,
    /// Whether it is served by HTTPS.
    pub https: bool,
    /// Whether its certificate comes from the sandbox's authority.
    pub by_authority: bool,
}

/// A port on this laptop.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize)]
pub struct Port {
    /// A loopback address.
    pub address: String,
    /// The port.
    pub port: u16,
}

impl Status {
    /// Finds the machine of an instance.
    pub fn machine(&self, id: &str) -> Option<&Machine> {
        self.machines.iter().find(|machine| machine.id == id)
    }

    /// The names that lead to a machine.
    pub fn names_of<'a>(&'a self, id: &'a str) -> impl Iterator<Item = &'a str> {
        let names = self.names.iter().filter(move |(_, leads)| *leads == id);
        names.map(|(name, _)| name.as_str())
    }
}
