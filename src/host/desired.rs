//! The host as it is to be.

use std::collections::{BTreeMap, BTreeSet};

use schemars::JsonSchema;
use serde::Serialize;

use crate::plan::HttpsMode;
use crate::support::digest;

mod download;
mod environment;
mod tree;

pub use download::Download;
pub use environment::{Environment, EnvironmentKind, NodePackages, Packages};
pub use tree::{Model, Tree};
/// The mode of files that nobody but root may read.
pub const PRIVATE_MODE: &str = "0600";

/// The host as it is to be.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct DesiredHost {
    /// The lab's name.
    pub lab: String,
    /// The packages that must be installed.
    pub packages: BTreeSet<String>,
    /// Where packages come from instead of where the image says.
    pub apt_mirror: Option<String>,
    /// The packages that come from their vendors.
    pub downloads: Vec<Download>,
    /// Who may log in.
    pub users: BTreeMap<String, DesiredUser>,
    /// The folders that must be there.
    pub directories: Vec<Directory>,
    /// The environments to build.
    pub environments: Vec<Environment>,
    /// The API's model, which the host fetches itself.
    pub model: Option<Model>,
    /// The folders that come from the laptop.
    pub trees: Vec<Tree>,
    /// What the host draws for itself, and nobody else learns.
    pub secrets: Vec<Secret>,
    /// The files, by path.
    pub files: BTreeMap<String, DesiredFile>,
    /// The units, in the order in which they are started.
    pub units: Vec<DesiredUnit>,
    /// The ports that units listen on.
    pub ports: Vec<Port>,
    /// What must hold in the end.
    pub gates: Vec<Gate>,
    /// Whether a certificate of an authority is wanted.
    pub wants_authority: bool,
    /// The hash that NGINX is to answer, which names its configuration.
    pub nginx_hash: Option<String>,
    /// The names that the certificate is for.
    pub names: Vec<String>,
    /// Where the certificate comes from; none where there is no web server.
    pub https: Option<HttpsMode>,
}

/// Somebody who may log in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DesiredUser {
    /// Whether the user administers the server.
    pub sudo: bool,
    /// The lines for `authorized_keys`.
    pub keys: Vec<String>,
}

/// A folder that must be there.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Directory {
    /// Where.
    pub path: &'static str,
    /// Such as `0755`.
    pub mode: &'static str,
    /// Whose.
    pub owner: &'static str,
    /// Whose group's.
    pub group: &'static str,
}

/// Something random that the host draws once.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Secret {
    /// The file.
    pub path: &'static str,
    /// The name of the variable in it.
    pub key: &'static str,
    /// Such as `0600`.
    pub mode: &'static str,
    /// Whose.
    pub owner: &'static str,
    /// Whose group's.
    pub group: &'static str,
}

/// A file that labctl writes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DesiredFile {
    /// The content.
    pub content: String,
    /// Such as `0644`.
    pub mode: &'static str,
    /// How the content is checked before it goes live.
    pub check: Option<Checker>,
}

/// What checks a file before it goes live.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Checker {
    /// `nginx -t`.
    Nginx,
    /// `systemd-analyze verify`.
    Unit,
    /// `python3 -m py_compile`.
    Python,
    /// `visudo -c`.
    Sudoers,
    /// `sshd -t`.
    Sshd,
    /// `nft --check`.
    Nft,
}

/// NGINX's unit, which tells by [`DesiredHost::nginx_hash`] what it serves.
pub const NGINX: &str = "nginx.service";

/// A systemd unit that labctl manages.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DesiredUnit {
    /// Its name, such as `nginx.service`.
    pub name: &'static str,
    /// What it is started with.
    pub inputs: Vec<Input>,
}

/// Something that a unit is started with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Input {
    /// A file of ours, a secret, the link of an environment or a tree, or a download's path.
    pub path: &'static str,
    /// What a change of it takes.
    pub effect: Effect,
}

/// What a change of an input takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Effect {
    /// The unit reads it anew, and nobody is cut off.
    Reload,
    /// The unit is stopped and started.
    Restart,
}

/// A port that a unit listens on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Port {
    /// The number.
    pub port: u16,
    /// The only unit that may hold it.
    pub unit: &'static str,
}

/// What must hold once everything runs. Servers keep the gates of their last apply for the doctor of a later labctl: a
/// kind keeps its name and its fields' meaning.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Gate {
    /// The unit runs, and keeps running.
    Active {
        /// Which.
        unit: &'static str,
    },
    /// NGINX serves just this configuration.
    Nginx {
        /// Its hash.
        hash: String,
    },
    /// Port 80 leads to port 443.
    Redirect {
        /// The name asked for.
        host: String,
    },
    /// The certificate served is the one that is meant, is valid, and names the host.
    Certificate {
        /// The name asked for; none where the lab has no name that a certificate could be for.
        host: Option<String>,
    },
    /// A page answers through NGINX.
    Page {
        /// What it is called in messages.
        name: &'static str,
        /// Where it is.
        url: String,
        /// The status that it must have.
        status: u16,
        /// What it must contain.
        contains: &'static str,
    },
    /// A Shiny app's page answers through NGINX, and its websocket speaks.
    Shiny {
        /// The unit that it runs as.
        unit: &'static str,
        /// Where it is.
        url: String,
    },
    /// The same for an app behind Shiny Server, whose websocket speaks SockJS.
    ShinyServer {
        /// The unit that it runs as.
        unit: &'static str,
        /// Where it is.
        url: String,
    },
    /// The model's API answers `/ping`, and predicts.
    Predict {
        /// The unit that it runs as.
        unit: &'static str,
        /// The program that asks it.
        program: &'static str,
    },
    /// The model's API answers the world through NGINX.
    PublicApi {
        /// The unit that it runs as.
        unit: &'static str,
        /// Its `/ping`.
        url: String,
    },
    /// JupyterHub's API answers through NGINX.
    HubApi {
        /// Where it is.
        url: String,
    },
    /// Nobody listens on the ports but for the host itself.
    Loopback {
        /// Which.
        ports: Vec<u16>,
    },
    /// A user's programs cannot reach the instance metadata.
    Metadata {
        /// Who must not.
        users: Vec<String>,
    },
    /// A user's programs can neither listen on a service's port, nor connect past NGINX, nor see others' processes.
    Isolation {
        /// Whose.
        user: String,
    },
    /// Users who have access to the bucket reach it, and no others do.
    BucketAccess {
        /// The unit that gives them keys.
        unit: &'static str,
        /// Which bucket.
        bucket: String,
        /// Who has access.
        users: Vec<String>,
        /// Who has none.
        others: Vec<String>,
    },
    /// A user's server starts, and a notebook's cell runs in each of its kernels.
    Kernel {
        /// Whose.
        user: String,
        /// The kernels' names.
        kernels: Vec<String>,
        /// Where JupyterHub is.
        base: String,
    },
}

impl DesiredFile {
    /// Gives the content's SHA-256 sum.
    pub fn sha256(&self) -> String {
        digest::sha256(&self.content)
    }

    /// Whether only root may read it: then its content is never shown.
    pub fn is_private(&self) -> bool {
        self.mode == PRIVATE_MODE
    }
}

impl DesiredHost {
    /// Adds a file that everybody may read and that needs no check.
    pub(super) fn add_file(&mut self, path: &str, content: String, mode: &'static str) {
        self.add_checked(path, content, mode, None);
    }

    /// Adds a file that is checked before it goes live.
    pub(super) fn add_checked(
        &mut self,
        path: &str,
        content: String,
        mode: &'static str,
        check: Option<Checker>,
    ) {
        let file = DesiredFile {
            content,
            mode,
            check,
        };
        self.files.insert(path.to_owned(), file);
    }

    /// The links under which units find environments and trees.
    pub fn links(&self) -> impl Iterator<Item = &str> {
        let environments = self.environments.iter().map(|known| known.link.as_str());
        let trees = self.trees.iter().map(|known| known.link);
        let model = self.model.iter().map(|model| model.link);
        environments.chain(trees).chain(model)
    }

    /// Adds packages to install.
    pub(super) fn add_packages(&mut self, names: &[&str]) {
        self.packages
            .extend(names.iter().map(|name| (*name).to_owned()));
    }
}
