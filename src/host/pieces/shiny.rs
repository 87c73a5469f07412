//! The Shiny app: the plan's folder, and what runs it for NGINX alone: a unit of its own, or Shiny Server where the plan
//! gives its package.

mod server;

use std::sync::Arc;

use serde::Serialize;

use crate::host::desired::{
    Checker, DesiredHost, DesiredUnit, Download, Effect, Environment, Gate, Input, Port, Tree,
};
use crate::host::render::RenderError;
use crate::host::services::{Link, Service, base};
use crate::plan::local_folder::LocalFolder;
use crate::plan::{Language, Workbench};

use super::{Definition, Piece};

const ENVIRONMENT: &str = "/opt/shiny";
const APP: &str = "/opt/shiny-app";
const SERVICE: &str = "/etc/systemd/system/shiny-app.service";
const UNIT: &str = "shiny-app.service";
/// Whom the app runs as: nobody logs in by that name, and it may do nothing but run the app.
pub(super) const USER: &str = "labctl-shiny";
const PORT: u16 = 484;
/// What the app itself needs.
const REQUIREMENTS: &str = "requirements.txt";
const DESCRIPTION: &str = "DESCRIPTION";

/// What it says of itself.
pub const PIECE: Definition = Definition {
    add,
    services: &[Service {
        port: Some(PORT),
        key: "shiny",
        is_in: |workbench| workbench.shiny.is_some(),
        ..Service::new("shiny", &[UNIT, server::UNIT])
    }],
};

/// The Shiny app.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Shiny {
    /// Where it is, such as `/penguins`.
    pub path: String,
    /// The same with a slash behind.
    pub base: String,
    /// The name of its own under which it answers, if it has one.
    pub host: Option<String>,
    /// Where it listens.
    pub port: u16,
    /// Whether it is written in Python; else in R.
    pub python: bool,
    /// The bytes of memory that it may use, where the plan says so.
    pub memory_limit: Option<u64>,
}

impl Shiny {
    /// Takes it from the plan.
    pub fn of(workbench: &Workbench) -> Option<Self> {
        let shiny = workbench.shiny.as_ref()?;
        let path = shiny.path.to_string();
        Some(Self {
            port: PORT,
            base: base(&path),
            host: shiny.host.as_ref().map(ToString::to_string),
            path,
            python: shiny.language == Language::Python,
            memory_limit: shiny.memory_limit.map(|limit| limit.bytes()),
        })
    }

    /// What the landing page says of it.
    pub fn link(&self) -> Link {
        Link {
            title: "Shiny app",
            host: self.host.clone(),
            path: self.base.clone(),
            text: "An app that everybody may use, without signing in",
        }
    }
}

/// Adds it, where the plan has it.
fn add(piece: &Piece<'_>, host: &mut DesiredHost) -> Result<(), RenderError> {
    let (Some(variables), Some(section)) = (&piece.variables.shiny, &piece.workbench.shiny) else {
        return Ok(());
    };
    let folder = piece.inputs.folders.app.clone().unwrap_or_default();
    if section.language == Language::R {
        host.add_packages(&["r-base-core", "r-cran-shiny"]);
        host.packages.extend(imports(&folder));
    }
    host.trees.push(Tree {
        name: "shiny-app",
        link: APP,
        reader: Some(USER),
        folder: folder.clone(),
    });
    let own = variables.host.as_ref();
    let url = piece.variables.url_at(own, &variables.base);
    // The checks of the plan let Shiny Server pass only with an app in R, and with its sum.
    let source = piece.workbench.mirrors.shiny_server.as_ref();
    let source = source.and_then(|source| Some((source, source.sha256.as_ref()?)));
    match source.filter(|_| section.language == Language::R) {
        Some((source, sha256)) => {
            host.downloads.push(Download {
                package: server::PACKAGE,
                url: source.url.to_string(),
                sha256: sha256.to_string(),
            });
            server::add(piece, url, host)
        }
        None => unit(piece, section.language, &folder, host, url),
    }
}

/// A unit that runs the app itself.
fn unit(
    piece: &Piece<'_>,
    language: Language,
    folder: &Arc<LocalFolder>,
    host: &mut DesiredHost,
    url: String,
) -> Result<(), RenderError> {
    let mut paths = vec![SERVICE, APP];
    if language == Language::Python {
        host.environments.push(python(piece, folder)?);
        paths.push(ENVIRONMENT);
    }
    let service = piece.render("systemd/shiny-app.service.j2")?;
    host.add_checked(SERVICE, service, "0644", Some(Checker::Unit));
    run(host, UNIT, paths, Gate::Shiny { unit: UNIT, url });
    Ok(())
}

/// Adds the unit that the app runs in, and what must hold of it.
fn run(host: &mut DesiredHost, unit: &'static str, paths: Vec<&'static str>, gate: Gate) {
    let restart = |path| Input {
        path,
        effect: Effect::Restart,
    };
    host.units.push(DesiredUnit {
        name: unit,
        inputs: paths.into_iter().map(restart).collect(),
    });
    host.ports.push(Port { port: PORT, unit });
    host.gates.extend([
        Gate::Active { unit },
        Gate::Loopback { ports: vec![PORT] },
        gate,
    ]);
}

/// Shiny, and what the app's folder asks for.
fn python(piece: &Piece<'_>, folder: &Arc<LocalFolder>) -> Result<Environment, RenderError> {
    let mut packages = Piece::locked("shiny/requirements", false)?;
    packages.extend(folder.text(REQUIREMENTS).unwrap_or_default());
    let mirrors = &piece.workbench.mirrors;
    Ok(Environment::python("shiny", ENVIRONMENT, packages, mirrors))
}

/// The packages of Debian and Ubuntu for what an app's DESCRIPTION imports
/// ("Writing R Extensions", section 1.1.3; Debian's R policy names them so).
fn imports(folder: &LocalFolder) -> Vec<String> {
    let text = folder.text(DESCRIPTION).unwrap_or_default();
    let mut names = Vec::new();
    let mut is_imports = false;
    for line in text.lines() {
        let rest = match line.split_once(':') {
            Some((field, rest)) if !line.starts_with([' ', '\t']) => {
                is_imports = matches!(field, "Imports" | "Depends");
                rest
            }
            _ => line,
        };
        let words = rest.split(',').filter(|_| is_imports);
        let words = words.map(|word| word.split('(').next().unwrap_or_default().trim());
        names.extend(words.filter(|name| is_name(name)).map(package));
    }
    names
}

/// Not `R` itself, nor what it brings along ("R FAQ", section 5.1.1).
fn is_name(name: &str) -> bool {
    const OWN: [&str; 10] = [
        "R",
        "base",
        "compiler",
        "graphics",
        "grDevices",
        "grid",
        "methods",
        "stats",
        "tools",
        "utils",
    ];
    let is_plain = |letter: char| letter.is_ascii_alphanumeric() || letter == '.';
    !name.is_empty() && name.chars().all(is_plain) && !OWN.contains(&name)
}

fn package(name: &str) -> String {
    format!("r-cran-{}", name.to_ascii_lowercase())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::local_folder::LocalFile;

    #[test]
    fn imports_become_packages() {
        let text = "Type: Shiny\nDepends: R (>= 4.1), ggplot2\nImports:\n    shiny,\n    \
                    data.table (>= 1.14), utils, bad;name\nTitle: a, b\n";
        let file = LocalFile {
            content: text.into(),
            executable: false,
        };
        let folder = LocalFolder {
            files: [(DESCRIPTION.to_owned(), file)].into(),
        };
        let expected = ["r-cran-ggplot2", "r-cran-shiny", "r-cran-data.table"];
        assert_eq!(imports(&folder), expected);
        assert!(imports(&LocalFolder::default()).is_empty());
    }
}
