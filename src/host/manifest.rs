//! What labctl notes on the host about its own work: which files, users and
//! units are its, and with which inputs each unit was last started.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::plan::HttpsMode;

use super::desired::{DesiredHost, Gate, Model};

/// The notes of the last apply, in `/var/lib/labctl/manifest.json`.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct Manifest {
    /// The format, 1.
    pub format: u32,
    /// The lab's name.
    pub lab: String,
    /// The files that labctl wrote.
    pub files: BTreeMap<String, NotedFile>,
    /// The users that labctl manages.
    pub users: BTreeMap<String, NotedUser>,
    /// The packages that labctl installed.
    pub packages: Vec<String>,
    /// The packages that came from their vendors, with the sums of their files.
    pub downloads: BTreeMap<String, String>,
    /// The environments that labctl built, and where each link leads.
    pub environments: BTreeMap<String, String>,
    /// The units that labctl manages. A unit that is missing here is owed a restart.
    pub units: BTreeMap<String, NotedUnit>,
    /// The swap file that labctl made.
    pub swap: Option<String>,
    /// What the apply was to prove. The host keeps that of the last one that succeeded, for its own doctor: it is never
    /// read back here.
    #[serde(skip_deserializing)]
    pub applied: Option<Applied>,
}

/// What an apply proves, and what `doctor` tries until another one has succeeded.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Applied {
    /// What held in the end.
    pub gates: Vec<Gate>,
    /// The model that a unit may still wait for.
    pub model: Option<Model>,
    /// The names under which the server is reached, the domain first.
    pub names: Vec<String>,
    /// Where the certificate comes from; none where there is no web server.
    pub https: Option<HttpsMode>,
}

impl Applied {
    /// Takes it from the host as it is to be.
    pub fn of(desired: &DesiredHost) -> Self {
        Self {
            gates: desired.gates.clone(),
            model: desired.model.clone(),
            names: desired.names.clone(),
            https: desired.https,
        }
    }
}

/// A file that labctl wrote.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct NotedFile {
    /// Its SHA-256 sum as written; empty for a secret, which only the host knows.
    pub sha256: String,
    /// Where the file lies that was there before.
    pub original: Option<String>,
}

impl NotedFile {
    /// Says whether the host drew the content itself.
    pub fn is_secret(&self) -> bool {
        self.sha256.is_empty()
    }
}

/// A user that labctl manages.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct NotedUser {
    /// Whether labctl created the account.
    pub created: bool,
    /// The keys that labctl gave.
    pub keys: Vec<String>,
    /// Whether labctl made an administrator of an account that was there and was none.
    pub gave_sudo: bool,
}

/// A unit that labctl manages.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct NotedUnit {
    /// What it was last started with: a sum or a target for each path.
    pub inputs: BTreeMap<String, String>,
}
