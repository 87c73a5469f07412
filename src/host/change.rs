//! The differences between a host and what it is to be.

use super::desired::{Download, Effect, Environment, Secret, Tree};

/// One difference, and what an apply does about it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum HostChange {
    /// The root partition and its file system grow to the size of the volume.
    GrowRoot {
        /// The bytes that the file system has.
        from: u64,
        /// The bytes that the volume has.
        to: u64,
    },
    /// A swap file is made.
    Swap {
        /// Its size.
        bytes: u64,
    },
    /// A package is installed.
    Package(String),
    /// A package is installed that comes from its vendor.
    Download {
        /// Which.
        download: Download,
        /// Whether there is a package of this name already.
        replaces: bool,
    },
    /// A user is created, changed or locked.
    User(UserChange),
    /// The host draws a secret.
    Secret(Secret),
    /// An environment is built, and its link set to it.
    Environment {
        /// Which.
        environment: Environment,
        /// Where it is built.
        target: String,
        /// Where the link leads now.
        before: Option<String>,
    },
    /// A folder of the laptop is laid out, and its link set to it.
    Tree {
        /// Which.
        tree: Tree,
        /// Where it is laid out.
        target: String,
        /// Where the link leads now.
        before: Option<String>,
    },
    /// The link of an environment or a tree is removed.
    RemoveEnvironment {
        /// The link.
        link: String,
    },
    /// A file is written or removed.
    File(FileChange),
    /// A unit is started, reloaded, restarted, stopped or enabled.
    Unit(UnitChange),
}

/// What happens to a user.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UserChange {
    /// The name.
    pub name: String,
    /// What happens.
    pub action: UserAction,
    /// Whether the user administers the server.
    pub sudo: bool,
    /// Keys to give.
    pub add_keys: Vec<String>,
    /// Keys to take.
    pub remove_keys: Vec<String>,
    /// In words, what differs.
    pub details: Vec<String>,
}

/// What happens to a user.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, schemars::JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum UserAction {
    /// The account is made.
    Create,
    /// Groups, keys or the end of the account are set.
    Update,
    /// The account is closed; its home is kept.
    Lock,
}

/// What happens to a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileChange {
    /// Where.
    pub path: String,
    /// What happens.
    pub action: FileAction,
    /// The text that is there now, where it may be shown.
    pub before: Option<String>,
    /// The text that will be there.
    pub after: Option<String>,
    /// The mode and owner, where they differ: before and after.
    pub mode: Option<(String, String)>,
    /// Whether what lies there is not as labctl wrote it; it is kept as a copy.
    pub is_foreign: bool,
    /// The units that take it up.
    pub restarts: Vec<&'static str>,
}

/// What happens to a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FileAction {
    /// It is new.
    Create,
    /// It is replaced.
    Update,
    /// It is removed, or what was there before labctl is put back.
    Delete {
        /// Where the file lies that was there before.
        original: Option<String>,
    },
}

/// What happens to a unit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnitChange {
    /// Its name.
    pub name: String,
    /// What happens.
    pub action: UnitAction,
    /// Why.
    pub why: Vec<String>,
}

/// What happens to a unit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub enum UnitAction {
    /// It is started at boot from now on; it runs already.
    Enable,
    /// It is started.
    Start,
    /// It reads its configuration anew.
    Reload,
    /// It is stopped and started.
    Restart,
    /// It is stopped, for good.
    Stop,
}

/// What to do about something, in Terraform's words.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Verb {
    /// Something new.
    Create,
    /// Something changes.
    Update,
    /// Something goes.
    Delete,
}

impl From<Effect> for UnitAction {
    fn from(effect: Effect) -> Self {
        match effect {
            Effect::Reload => Self::Reload,
            Effect::Restart => Self::Restart,
        }
    }
}

impl UnitAction {
    /// Names the action as systemctl(1) does.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Enable => "enable",
            Self::Start => "start",
            Self::Reload => "reload",
            Self::Restart => "restart",
            Self::Stop => "stop",
        }
    }
}

impl HostChange {
    /// Names what changes: the path of a file, else a kind and a name.
    pub fn path(&self) -> String {
        match self {
            Self::GrowRoot { .. } => "root_volume".to_owned(),
            Self::Swap { .. } => "swap".to_owned(),
            Self::Package(name) => format!("package.{name}"),
            Self::Download { download, .. } => download.path(),
            Self::User(user) => format!("user.{}", user.name),
            Self::Secret(secret) => secret.path.to_owned(),
            Self::Environment { environment, .. } => environment.link.clone(),
            Self::Tree { tree, .. } => tree.link.to_owned(),
            Self::RemoveEnvironment { link } => link.clone(),
            Self::File(file) => file.path.clone(),
            Self::Unit(unit) => format!("unit.{}", unit.name),
        }
    }

    /// Says in one word what is done.
    pub fn verb(&self) -> Verb {
        match self {
            Self::Swap { .. } | Self::Package(_) | Self::Secret(_) => Verb::Create,
            Self::GrowRoot { .. } | Self::Download { replaces: true, .. } => Verb::Update,
            Self::Download { .. } => Verb::Create,
            Self::User(user) => match user.action {
                UserAction::Create => Verb::Create,
                UserAction::Update => Verb::Update,
                UserAction::Lock => Verb::Delete,
            },
            Self::Environment { before, .. } | Self::Tree { before, .. } => match before {
                None => Verb::Create,
                Some(_) => Verb::Update,
            },
            Self::RemoveEnvironment { .. } => Verb::Delete,
            Self::File(file) => match file.action {
                FileAction::Create => Verb::Create,
                FileAction::Update => Verb::Update,
                FileAction::Delete { .. } => Verb::Delete,
            },
            Self::Unit(unit) => match unit.action {
                UnitAction::Start | UnitAction::Enable => Verb::Create,
                UnitAction::Reload | UnitAction::Restart => Verb::Update,
                UnitAction::Stop => Verb::Delete,
            },
        }
    }

    /// Names the units that are restarted or reloaded because of it.
    pub fn restarts(&self) -> Vec<&str> {
        match self {
            Self::File(file) => file.restarts.clone(),
            Self::Unit(UnitChange {
                name,
                action: UnitAction::Reload | UnitAction::Restart,
                ..
            }) => vec![name.trim_end_matches(".service")],
            _ => Vec::new(),
        }
    }
}
