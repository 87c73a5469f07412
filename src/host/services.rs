//! What the pieces say of themselves to those who look for them: names for commands, titles for pages.

use serde::Serialize;

use crate::plan::Workbench;

/// The key of what every server has: the section itself.
pub(super) const EVERYWHERE: &str = "workbench";

/// Something on the server that people ask for by a short name.
#[derive(Debug, Clone, Copy)]
pub struct Service {
    /// The short name.
    pub name: &'static str,
    /// The port that it listens on, on the server's loopback address alone. What has one can be the end of a tunnel.
    pub port: Option<u16>,
    /// The units whose log is its own; systemd's patterns are allowed (journalctl(1), `--unit`).
    pub units: &'static [&'static str],
    /// A file that it writes besides.
    pub log: Option<&'static str>,
    /// The key of the plan that brings it.
    pub key: &'static str,
    /// Whether the plan has it.
    pub is_in: fn(&Workbench) -> bool,
    /// The path of its start page, without NGINX in front of it.
    pub path: fn(&Workbench) -> String,
}

impl Service {
    /// Starts the description of what every server has.
    pub const fn new(name: &'static str, units: &'static [&'static str]) -> Self {
        Self {
            name,
            port: None,
            units,
            log: None,
            key: EVERYWHERE,
            is_in: |_| true,
            path: |_| "/".to_owned(),
        }
    }
}

/// Something that the landing page leads to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Link {
    /// Its name.
    pub title: &'static str,
    /// The name of its own under which it answers, if it has one.
    pub host: Option<String>,
    /// Where it is, with a slash behind.
    pub path: String,
    /// What it is for.
    pub text: &'static str,
}

/// The path of everything below a path: the same with a slash behind.
pub(super) fn base(path: &str) -> String {
    format!("{}/", path.trim_end_matches('/'))
}
