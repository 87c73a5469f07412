//! What the probe read from a host.
//!
//! The host is not trusted here: whatever it answers is only ever compared and
//! shown, and what does not have this form is an error.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::manifest::Manifest;

/// The format that this version reads.
pub const FORMAT: u32 = 1;

/// What there is on a host.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct Facts {
    /// The format, [`FORMAT`].
    pub format: u32,
    /// The operating system.
    pub os: Os,
    /// The machine's architecture, as `uname -m` names it.
    pub architecture: String,
    /// The version of the system's Python.
    pub python: String,
    /// Whether the host is a container, which has no swap and no disk of its own.
    pub container: bool,
    /// The seconds since 1970 on the host's clock.
    pub clock: f64,
    /// The size of the memory.
    pub memory_bytes: u64,
    /// The size of all swap areas in use.
    pub swap_bytes: u64,
    /// The root file system.
    pub disk: Disk,
    /// The disk below the root file system, where it has one of its own.
    pub root_disk: Option<RootDisk>,
    /// How far cloud-init is.
    pub cloud_init: CloudInit,
    /// Whether packages can be installed.
    pub dpkg: Dpkg,
    /// The installed packages among those that were asked for, with versions.
    pub packages: BTreeMap<String, String>,
    /// What lies at the paths that were asked for.
    pub files: BTreeMap<String, LiveFile>,
    /// Where complete environments' links lead.
    pub links: BTreeMap<String, String>,
    /// The users among those that were asked for.
    pub users: BTreeMap<String, LiveUser>,
    /// The units that were asked for.
    pub units: BTreeMap<String, LiveUnit>,
    /// Who listens on the ports that were asked for.
    pub ports: BTreeMap<String, Listener>,
    /// The hash of the configuration that NGINX serves.
    pub nginx_live: Option<String>,
    /// The certificate that NGINX is given.
    pub certificate: Option<LiveCertificate>,
    /// The model that was looked for last.
    pub model: Option<LiveModel>,
    /// What labctl noted about its own work.
    pub manifest: Option<Manifest>,
    /// The apply that is running now.
    pub running: Option<Running>,
    /// The newest apply, if it ended without a verdict.
    pub unfinished: Option<Unfinished>,
}

/// An operating system (os-release(5)).
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct Os {
    /// Such as `ubuntu`.
    pub id: String,
    /// Such as `24.04`.
    pub version: String,
    /// Such as `Ubuntu 24.04.1 LTS`.
    pub name: String,
}

/// The root file system.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct Disk {
    /// Its size.
    pub total_bytes: u64,
    /// What ordinary users can still fill.
    pub free_bytes: u64,
    /// How many files can still be made.
    pub free_inodes: u64,
}

/// The disk below the root file system.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct RootDisk {
    /// Such as `/dev/nvme0n1p1`.
    pub partition: String,
    /// The size of the disk.
    pub device_bytes: u64,
    /// Where the next partition begins, or the disk ends: as far as this one can grow.
    pub limit_bytes: u64,
    /// Where the partition begins.
    pub partition_start_bytes: u64,
    /// Where the partition ends.
    pub partition_end_bytes: u64,
    /// Such as `ext4`.
    pub filesystem: String,
    /// The size of the file system.
    pub filesystem_bytes: u64,
}

/// How far cloud-init is with the first boot.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum CloudInit {
    /// It is done.
    Done,
    /// It is at work.
    Running,
    /// It has ended with errors.
    Error,
    /// The host has none.
    #[default]
    #[serde(other)]
    Absent,
}

/// The state of the package database.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct Dpkg {
    /// Whether packages can be installed.
    pub state: DpkgState,
    /// Who holds the lock.
    pub holder: Option<String>,
}

/// Whether packages can be installed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum DpkgState {
    /// They can.
    #[default]
    Ok,
    /// Somebody is installing.
    Locked,
    /// An installation was cut off; `dpkg --configure -a` mends that.
    Interrupted,
    /// Packages do not fit together.
    Broken,
    /// The probe could not say.
    #[serde(other)]
    Unknown,
}

/// What lies at a path.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct LiveFile {
    /// What it is.
    pub kind: FileKind,
    /// The SHA-256 sum of a file.
    pub sha256: Option<String>,
    /// Such as `0644`.
    pub mode: String,
    /// The owner's name.
    pub owner: String,
    /// The group's name.
    pub group: String,
    /// The text, where it differs and is no secret.
    pub content: Option<String>,
}

/// What lies at a path.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum FileKind {
    /// An ordinary file.
    #[default]
    File,
    /// A symbolic link.
    Link,
    /// A folder.
    Directory,
    /// A device, a socket, a pipe.
    #[serde(other)]
    Other,
}

/// A user of the host.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct LiveUser {
    /// The number.
    pub uid: u32,
    /// The groups besides the user's own.
    pub groups: Vec<String>,
    /// Whether the account has ended.
    pub expired: bool,
    /// Whether a password is set.
    pub has_password: bool,
    /// The lines of `authorized_keys`.
    pub authorized_keys: Vec<String>,
    /// Whether sshd accepts the modes of the file and its folder.
    pub key_modes_ok: bool,
}

/// A systemd unit.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct LiveUnit {
    /// `loaded`, `not-found`, `masked`, …
    pub load: String,
    /// `active`, `inactive`, `failed`, …
    pub active: String,
    /// `enabled`, `disabled`, `static`, …
    pub enabled: String,
}

/// Who listens on a port.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct Listener {
    /// The program.
    pub process: String,
    /// Its unit, where it has one.
    pub unit: Option<String>,
}

/// The certificate that NGINX is given.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct LiveCertificate {
    /// The names in it.
    pub names: Vec<String>,
    /// When it ends, in seconds since 1970.
    pub not_after: f64,
    /// Whether the server made it itself.
    pub self_signed: bool,
}

/// The state of a model with which the API did not answer.
pub const REFUSED: &str = "refused";

/// The model that the host looked for last.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct LiveModel {
    /// Where it comes from.
    pub source: String,
    /// `ready`, `waiting`, `broken` or `refused`.
    pub state: String,
    /// Why it is not `ready`.
    pub why: String,
}

/// An apply that is running.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct Running {
    /// Its name.
    pub run: String,
}

/// An apply without a verdict.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct Unfinished {
    /// Its name.
    pub run: String,
    /// The step that it had begun.
    pub phase: String,
}

impl Facts {
    /// Gives an empty host, against which the first plan is shown.
    pub fn empty() -> Self {
        Self {
            format: FORMAT,
            ..Self::default()
        }
    }

    /// Says whether a package is installed.
    pub fn has_package(&self, name: &str) -> bool {
        self.packages.contains_key(name)
    }

    /// Gives what labctl noted about its own work.
    pub fn noted(&self) -> Manifest {
        self.manifest.clone().unwrap_or_default()
    }
}
