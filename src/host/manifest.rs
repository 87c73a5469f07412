//! What labctl notes on the host about its own work: which files, users and
//! units are its, and with which inputs each unit was last started.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// The notes of the last apply, in `/var/lib/labctl/manifest.json`.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
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
}

/// A file that labctl wrote.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
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
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct NotedUser {
    /// Whether labctl created the account.
    pub created: bool,
    /// The keys that labctl gave.
    pub keys: Vec<String>,
}

/// A unit that labctl manages.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct NotedUnit {
    /// What it was last started with: a sum or a target for each path.
    pub inputs: BTreeMap<String, String>,
}
