//! Shiny Server, from its vendor's package, with the plan's app alone.
//!
//! The unit is the package's own; what differs is added beside it. Facts are from its source
//! (rstudio/shiny-server on GitHub): it starts `su --login` with an empty environment and, in it, the R that the
//! variable `R` names (`lib/worker/app-worker.ts`); the configuration's words are in `config/shiny-server-rules.config`.

use crate::host::desired::{DesiredHost, Gate};
use crate::host::render::RenderError;

use super::{APP, Piece, run};

/// The vendor's name of its package.
pub(super) const PACKAGE: &str = "shiny-server";
/// The package as the unit's input: a newer one takes a restart.
const INSTALLED: &str = "package.shiny-server";
pub(super) const UNIT: &str = "shiny-server.service";
const ADDED: &str = "/etc/systemd/system/shiny-server.service.d/labctl.conf";
const CONFIGURATION: &str = "/etc/shiny-server/shiny-server.conf";
/// The R that it runs: with the app's variables.
const PROGRAM: &str = "/usr/local/lib/labctl/shiny-r";

/// Adds it; that its package is downloaded is seen to.
pub(super) fn add(
    piece: &Piece<'_>,
    url: String,
    host: &mut DesiredHost,
) -> Result<(), RenderError> {
    let configuration = piece.render("shiny/shiny-server.conf.j2")?;
    host.add_file(CONFIGURATION, configuration, "0644");
    host.add_file(PROGRAM, piece.render("shiny/r.sh.j2")?, "0755");
    host.add_file(ADDED, piece.render("systemd/shiny-server.conf.j2")?, "0644");
    let paths = vec![CONFIGURATION, PROGRAM, ADDED, APP, INSTALLED];
    run(host, UNIT, paths, Gate::ShinyServer { unit: UNIT, url });
    Ok(())
}
