//! Python: the system's own, and others side by side below `/opt/python`, each
//! with the plan's packages.

use serde::Serialize;
use serde_json::json;

use crate::host::desired::{DesiredHost, Environment};
use crate::host::render::RenderError;
use crate::plan::{Python, PythonVersion};

use super::{Piece, kernel, offer, python_kernel};

const FOLDER: &str = "/opt/python";
const PROFILE: &str = "/etc/profile.d/labctl-python.sh";

/// The folders of programs, in the order in which they are looked through.
#[derive(Serialize)]
struct Folders {
    path: String,
}

/// A program that a command on the path leads to.
#[derive(Serialize)]
struct Program {
    program: String,
}

/// Adds every version.
pub fn add(piece: &Piece<'_>, host: &mut DesiredHost) -> Result<(), RenderError> {
    let Some(python) = &piece.workbench.python else {
        return Ok(());
    };
    host.add_packages(&["python3-venv"]);
    for version in &python.version {
        environment(piece, host, python, version)?;
        let title = match version {
            PythonVersion::System => "Python (for everyone)".to_owned(),
            PythonVersion::Exact(version) => format!("Python {version}"),
        };
        let programs = format!("{FOLDER}/{version}/bin");
        let program = format!("{programs}/python");
        let command = [
            program.as_str(),
            "-m",
            "ipykernel_launcher",
            "-f",
            "{connection_file}",
        ];
        let mut kernel = kernel(&title, "python", &command);
        // So that a cell's `!python` is the kernel's.
        kernel["env"] = json!({ "PATH": format!("{programs}:${{PATH}}") });
        offer(piece, host, &python_kernel(version), &kernel);
    }
    path(piece, host, python)
}

fn environment(
    piece: &Piece<'_>,
    host: &mut DesiredHost,
    python: &Python,
    version: &PythonVersion,
) -> Result<(), RenderError> {
    let mirrors = &piece.workbench.mirrors;
    let packages = if piece.workbench.jupyterhub.is_some() {
        Piece::locked("python/kernel-requirements", true)?
    } else {
        Piece::locked("python/requirements", false)?
    };
    let name = format!("python-{version}");
    let link = format!("{FOLDER}/{version}");
    host.environments.push(Environment {
        version: match version {
            PythonVersion::System => None,
            PythonVersion::Exact(version) => Some(version.clone()),
        },
        interpreters: mirrors.python.as_ref().map(ToString::to_string),
        ..Environment::python(&name, &link, packages.with(&python.packages), mirrors)
    });
    Ok(())
}

/// Puts all on the path: for who logs in, the plan's first is `python3`; for
/// everybody, each but the system's own is there under its version.
fn path(piece: &Piece<'_>, host: &mut DesiredHost, python: &Python) -> Result<(), RenderError> {
    let folders = python.version.iter();
    let folders = folders.map(|version| format!("{FOLDER}/{version}/bin"));
    let path = folders.collect::<Vec<_>>().join(":");
    let profile = piece
        .templates
        .render("profile/python.sh.j2", &Folders { path })?;
    host.add_file(PROFILE, profile, "0644");
    for version in &python.version {
        let PythonVersion::Exact(version) = version else {
            continue;
        };
        let program = format!("{FOLDER}/{version}/bin/python3");
        let command = piece
            .templates
            .render("python/run.sh.j2", &Program { program })?;
        let minor = version.rsplit_once('.').map_or("", |(minor, _)| minor);
        let names = [version.as_str(), minor];
        for path in names.map(|name| format!("/usr/local/bin/python{name}")) {
            // Of two with the same minor version, the plan's first has the short name.
            if !host.files.contains_key(&path) {
                host.add_file(&path, command.clone(), "0755");
            }
        }
    }
    Ok(())
}
