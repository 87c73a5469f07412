//! R: the system's own, or one that rig installs.

use serde_json::json;

use crate::host::desired::{DesiredHost, Download, Environment, EnvironmentKind, Packages};
use crate::host::render::RenderError;
use crate::plan::{R, RVersion};

use super::{Piece, R_KERNEL, kernel, offer};

const RIG: &str = "r-rig";
/// Leads to rig's R, whichever version it is.
pub const LINK: &str = "/opt/labctl-r";
const SYSTEM_PROFILE: &str = "/etc/R/Rprofile.site";
/// To which the agent leads every R of rig's.
const RIG_PROFILE: &str = "/etc/labctl/Rprofile.site";
/// R's half of a kernel ("IRkernel", installation).
const KERNEL_PACKAGE: &str = "IRkernel";

const SYSTEM_R: &str = "/usr/bin/R";
const RIG_R: &str = "/opt/labctl-r/bin/R";

/// Says which R everybody runs.
pub const fn program(r: &R) -> &'static str {
    match r.version {
        RVersion::System => SYSTEM_R,
        RVersion::Release | RVersion::Exact(_) => RIG_R,
    }
}

/// Adds it.
pub fn add(piece: &Piece<'_>, host: &mut DesiredHost) -> Result<(), RenderError> {
    let Some(r) = &piece.workbench.r else {
        return Ok(());
    };
    match r.version {
        RVersion::System => system(piece, host)?,
        RVersion::Release | RVersion::Exact(_) => by_rig(piece, host, r)?,
    }
    let command = [
        program(r),
        "--no-echo",
        "-e",
        "IRkernel::main()",
        "--args",
        "{connection_file}",
    ];
    let mut kernel = kernel("R", "R", &command);
    if r.version != RVersion::System {
        kernel["env"] = json!({ "R_LIBS": format!("{LINK}/library") });
    }
    offer(piece, host, R_KERNEL, &kernel);
    Ok(())
}

/// The distribution's R, with binaries of its packages.
fn system(piece: &Piece<'_>, host: &mut DesiredHost) -> Result<(), RenderError> {
    host.add_packages(&["r-base"]);
    if piece.workbench.jupyterhub.is_some() {
        host.add_packages(&["r-cran-irkernel"]);
    }
    let profile = piece.render("r/Rprofile.R.j2")?;
    host.add_file(SYSTEM_PROFILE, profile, "0644");
    Ok(())
}

/// rig's R of a version, and a library of its own for what the kernel needs.
fn by_rig(piece: &Piece<'_>, host: &mut DesiredHost, r: &R) -> Result<(), RenderError> {
    let source = piece.workbench.mirrors.rig.as_ref();
    // The checks of the plan have asked for it.
    let Some((source, sha256)) = source.and_then(|source| Some((source, source.sha256.as_ref()?)))
    else {
        return Ok(());
    };
    host.downloads.push(Download {
        package: RIG,
        url: source.url.to_string(),
        sha256: sha256.to_string(),
    });
    let kernel = piece.workbench.jupyterhub.as_ref().map(|_| KERNEL_PACKAGE);
    host.environments.push(Environment {
        name: "r".to_owned(),
        kind: EnvironmentKind::R,
        link: LINK.to_owned(),
        version: Some(r.version.to_string()),
        packages: Packages {
            requirements: kernel.unwrap_or_default().to_owned(),
            ..Packages::default()
        },
        ..Environment::default()
    });
    let profile = piece.render("r/Rprofile.R.j2")?;
    host.add_file(RIG_PROFILE, profile, "0644");
    Ok(())
}
