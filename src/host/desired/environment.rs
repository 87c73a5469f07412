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
    /// What it is made of.
    pub packages: Packages,
    /// What npm installs into it.
    pub node: Option<NodePackages>,
    /// Where the language comes from instead of its usual place.
    pub interpreters: Option<String>,
    /// Where its packages come from instead of their usual place.
    pub index: Option<String>,
    /// Where npm looks instead of its registry.
    pub registry: Option<String>,
}

/// The packages of an environment.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Packages {
    /// All requirements for the installer, one a line: those of labctl first.
    pub requirements: String,
    /// What those of labctl come to: every version, and the sums of its files. Empty where no language of the
    /// environment is locked by labctl.
    pub lock: String,
    /// Whether the plan, or an app, asks for more than the lock has. The server locks that when it installs it first.
    pub is_extended: bool,
}

/// Packages of Node, by the two files that npm knows them by.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct NodePackages {
    /// `package.json`.
    pub manifest: String,
    /// `package-lock.json`, with the sum of every file.
    pub lock: String,
}

impl Packages {
    /// Adds what the plan, or an app, asks for.
    pub fn extend(&mut self, requirements: &str) {
        let is_asked = |line: &str| !line.trim().is_empty() && !line.trim().starts_with('#');
        self.is_extended |= requirements.lines().any(is_asked);
        self.requirements.push_str(requirements);
        if !requirements.is_empty() && !requirements.ends_with('\n') {
            self.requirements.push('\n');
        }
    }

    /// The same with what the plan asks for, one of the items a line.
    #[must_use]
    pub fn with(mut self, requirements: impl IntoIterator<Item = impl ToString>) -> Self {
        for requirement in requirements {
            self.extend(&requirement.to_string());
        }
        self
    }
}

impl Environment {
    /// One of packages from PyPI, or from where the plan says they are instead.
    pub fn python(name: &str, link: &str, packages: Packages, mirrors: &Mirrors) -> Self {
        Self {
            name: name.to_owned(),
            kind: EnvironmentKind::Python,
            link: link.to_owned(),
            packages,
            index: mirrors.pip.as_ref().map(ToString::to_string),
            ..Self::default()
        }
    }

    /// How many packages it is asked for, without what those need.
    pub fn package_count(&self) -> usize {
        let lines = self.packages.requirements.lines().map(str::trim);
        let lines = lines.filter(|line| !line.is_empty() && !line.starts_with('#'));
        lines.count() + usize::from(self.node.is_some())
    }
}

/// The language of an environment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum EnvironmentKind {
    /// Packages from PyPI, perhaps with an interpreter of their own.
    #[default]
    Python,
    /// Node from PyPI, and packages from npm.
    Node,
    /// R by rig, with its packages.
    R,
}
