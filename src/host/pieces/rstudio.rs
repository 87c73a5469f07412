//! RStudio Server, from its vendor's package.

use serde::Serialize;

use crate::host::desired::{DesiredHost, DesiredUnit, Download, Effect, Gate, Input, Port};
use crate::host::render::RenderError;
use crate::host::services::{Link, Service, base};
use crate::plan::Workbench;

use super::languages::{LINK_OF_R, program_of_r};
use super::{Definition, Piece};

const PACKAGE: &str = "rstudio-server";
/// The package as the unit's input: a newer one takes a restart.
const INSTALLED: &str = "package.rstudio-server";
const UNIT: &str = "rstudio-server.service";
const CONFIGURATION: &str = "/etc/rstudio/rserver.conf";
/// The name that RStudio gives PAM.
const SIGN_IN: &str = "/etc/pam.d/rstudio";
const PORT: u16 = 483;

/// What it says of itself.
pub const PIECE: Definition = Definition {
    add,
    services: &[Service {
        port: Some(PORT),
        key: "rstudio",
        is_in: |workbench| workbench.rstudio.is_some(),
        ..Service::new("rstudio", &[UNIT])
    }],
};

/// RStudio Server.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Rstudio {
    /// Where it is, such as `/rstudio`.
    pub path: String,
    /// The same with a slash behind.
    pub base: String,
    /// Where it listens.
    pub port: u16,
    /// The R that sessions run.
    pub r: &'static str,
    /// Who may sign in, with colons between.
    pub users: String,
}

impl Rstudio {
    /// Takes it from the plan.
    pub fn of(workbench: &Workbench) -> Option<Self> {
        let path = workbench.rstudio.as_ref()?.path.to_string();
        let users = workbench.users.iter().map(|user| user.name.to_string());
        Some(Self {
            port: PORT,
            base: base(&path),
            path,
            r: program_of_r(workbench.r.as_ref()?),
            users: users.collect::<Vec<_>>().join(":"),
        })
    }

    /// What the landing page says of it.
    pub fn link(&self) -> Link {
        Link {
            title: "RStudio",
            host: None,
            path: self.base.clone(),
            text: "R with its editor, plots and help, for each user",
        }
    }
}

/// Adds it, where the plan has it and says what it is made of.
fn add(piece: &Piece<'_>, host: &mut DesiredHost) -> Result<(), RenderError> {
    let mirrors = &piece.workbench.mirrors;
    // The checks of the plan have asked for both.
    let source = mirrors.rstudio.as_ref();
    let source = source.and_then(|source| Some((source, source.sha256.as_ref()?)));
    let (Some(rstudio), Some((source, sha256))) = (&piece.variables.rstudio, source) else {
        return Ok(());
    };
    host.downloads.push(Download {
        package: PACKAGE,
        url: source.url.to_string(),
        sha256: sha256.to_string(),
    });
    host.add_file(
        CONFIGURATION,
        piece.render("rstudio/rserver.conf.j2")?,
        "0644",
    );
    // PAM reads it at each sign-in.
    host.add_file(SIGN_IN, piece.render("pam/rstudio.j2")?, "0644");
    let mut inputs = vec![CONFIGURATION, INSTALLED];
    // It looks for R when it starts.
    let has_own_r = |link| host.environments.iter().any(|known| known.link == link);
    inputs.extend(has_own_r(LINK_OF_R).then_some(LINK_OF_R));
    let inputs = inputs.into_iter().map(|path| Input {
        path,
        effect: Effect::Restart,
    });
    let inputs = inputs.collect();
    host.units.push(DesiredUnit { name: UNIT, inputs });
    host.ports.push(Port {
        port: PORT,
        unit: UNIT,
    });
    let sign_in = format!("{}auth-sign-in", rstudio.base);
    host.gates.extend([
        Gate::Active { unit: UNIT },
        Gate::Loopback { ports: vec![PORT] },
        Gate::Page {
            name: "RStudio sign-in page",
            url: piece.variables.url(&sign_in),
            status: 200,
            // The address that its form is sent to.
            contains: "auth-do-sign-in",
        },
    ]);
    Ok(())
}
