//! What is handed to the writers of text and JSON.

use std::net::Ipv4Addr;

use crate::cloud::apply::Outcome;
use crate::cloud::diff::ChangeSet;
use crate::cloud::graph::Graph;
use crate::cloud::resource::{Address, Power};
use crate::cloud::resources::LiveLab;
use crate::host::site::Page;

/// A change set and the lab that it is about.
#[derive(Debug, Clone, Copy)]
pub struct PlanView<'a> {
    /// The lab's name.
    pub lab: &'a str,
    /// The lab's region.
    pub region: &'a str,
    /// The AWS account's id.
    pub account: &'a str,
    /// The changes.
    pub set: &'a ChangeSet,
    /// What there is.
    pub live: &'a LiveLab,
    /// Remarks to print below, such as that a newer image is out.
    pub notes: &'a [String],
    /// Resources whose data may be lost, by the user's word.
    pub allowed: &'a [Address],
    /// Whether the differences of files are shown whole.
    pub full: bool,
}

/// How an apply or a destroy ended, and what it was to do.
#[derive(Debug, Clone, Copy)]
pub struct OutcomeView<'a> {
    /// The changes that were to be made.
    pub set: &'a ChangeSet,
    /// The steps that were to make them.
    pub graph: &'a Graph,
    /// How they ended.
    pub outcome: &'a Outcome,
    /// What answers now.
    pub outputs: &'a Outputs,
}

/// What answers once a lab is up.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Outputs {
    /// The server's public address.
    pub public_ip: Option<Ipv4Addr>,
    /// The server's power state.
    pub power: Option<Power>,
    /// The DNS names or URLs of the plan.
    pub names: Vec<String>,
    /// A newly created zone and its name servers.
    pub name_servers: Option<(String, Vec<String>)>,
    /// The line that opens a shell, such as `ssh ubuntu@192.0.2.7`.
    pub ssh: Option<String>,
    /// The bucket's name.
    pub bucket: Option<String>,
}

/// A lab as it is.
#[derive(Debug, Clone, Copy)]
pub struct StatusView<'a> {
    /// The pages that browsers find now.
    pub pages: &'a [Page],
    /// What opens a shell on a server that runs and has no pages.
    pub shell: Option<&'a str>,
    /// The lab's name.
    pub lab: &'a str,
    /// The lab's region.
    pub region: &'a str,
    /// The AWS account's id.
    pub account: &'a str,
    /// What there is.
    pub live: &'a LiveLab,
}
