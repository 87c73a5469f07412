//! Python and R for everyone: on the path, and as kernels of JupyterLab.

mod python;
mod r;

use serde_json::{Value, json};

use crate::host::desired::DesiredHost;
use crate::host::render::RenderError;
use crate::plan::{PythonVersion, Workbench};

use super::{Definition, Piece};

pub(super) use r::LINK as LINK_OF_R;
pub(super) use r::program as program_of_r;

/// Where Jupyter looks for kernels besides its own ("Jupyter Client", kernel specs).
const KERNELS: &str = "/usr/local/share/jupyter/kernels";
/// JupyterLab's own kernel.
const OWN_KERNEL: &str = "python3";
const R_KERNEL: &str = "ir";

/// What it says of itself.
pub const PIECE: Definition = Definition { add, services: &[] };

/// Adds them, where the plan has them.
fn add(piece: &Piece<'_>, host: &mut DesiredHost) -> Result<(), RenderError> {
    python::add(piece, host)?;
    r::add(piece, host)
}

/// Names the kernels that JupyterLab offers.
pub fn kernels(workbench: &Workbench) -> Vec<String> {
    let python = workbench.python.iter().flat_map(|python| &python.version);
    let r = workbench.r.iter().map(|_| R_KERNEL.to_owned());
    std::iter::once(OWN_KERNEL.to_owned())
        .chain(python.map(python_kernel))
        .chain(r)
        .collect()
}

fn python_kernel(version: &PythonVersion) -> String {
    format!("python-{version}")
}

/// Offers a kernel, if there is anybody to offer it to.
fn offer(piece: &Piece<'_>, host: &mut DesiredHost, name: &str, kernel: &Value) {
    if piece.workbench.jupyterhub.is_some() {
        let path = format!("{KERNELS}/{name}/kernel.json");
        host.add_file(&path, format!("{kernel:#}\n"), "0644");
    }
}

/// Says how a kernel is started.
fn kernel(title: &str, language: &str, command: &[&str]) -> Value {
    json!({ "argv": command, "display_name": title, "language": language })
}
