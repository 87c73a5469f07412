//! Environments: what units and users run, of packages of a language.

use schemars::JsonSchema;
use serde::Serialize;

use crate::plan::Mirrors;

/// An environment: packages of a language, built aside and switched to by a link.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Environment {
    /// Its name.
    pub name: String,
    /// The language.
    pub kind: EnvironmentKind,
    /// The link under which units and users use it.
    pub link: String,
    /// The language's version, where it comes with the environment.
    pub version: Option<String>,
    /// The requirements for the installer, one a line.
    pub requirements: String,
    /// The packages for npm.
    pub node_packages: Vec<String>,
    /// What installs it, as pip takes it, where that is not pip.
    pub installer: Option<String>,
    /// Where the language comes from instead of its usual place.
    pub interpreters: Option<String>,
    /// Where its packages come from instead of their usual place.
    pub index: Option<String>,
    /// Where npm looks instead of its registry.
    pub registry: Option<String>,
}

impl Environment {
    /// One of packages from PyPI, or from where the plan says they are instead.
    pub fn python(name: &str, link: &str, requirements: String, mirrors: &Mirrors) -> Self {
        Self {
            name: name.to_owned(),
            kind: EnvironmentKind::Python,
            link: link.to_owned(),
            requirements,
            index: mirrors.pip.as_ref().map(ToString::to_string),
            ..Self::default()
        }
    }
}

/// The language of an environment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum EnvironmentKind {
    /// Packages from PyPI.
    #[default]
    Python,
    /// Node from PyPI, and packages from npm.
    Node,
    /// Python for everyone: perhaps with an interpreter of its own, its packages locked.
    Site,
    /// R by rig, with its packages.
    R,
}
