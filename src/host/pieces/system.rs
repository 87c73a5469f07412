//! What every host gets: security updates, and logs that do not fill the disk.

use crate::host::desired::{DesiredHost, DesiredUnit, Effect, Input};
use crate::host::render::RenderError;
use crate::host::services::Service;

use super::{Definition, Piece};

const JOURNAL: &str = "/etc/systemd/journald.conf.d/10-labctl.conf";

/// What it says of itself.
pub const PIECE: Definition = Definition {
    add,
    services: &[Service::new("apply", &["labctl-apply.service"])],
};

/// Adds them.
fn add(_: &Piece<'_>, host: &mut DesiredHost) -> Result<(), RenderError> {
    host.add_packages(&["unattended-upgrades", "cloud-guest-utils"]);
    let files = [
        (
            "/etc/apt/apt.conf.d/52labctl-unattended-upgrades",
            "apt/52labctl-unattended-upgrades",
        ),
        (
            "/etc/needrestart/conf.d/labctl.conf",
            "needrestart/labctl.conf",
        ),
        (JOURNAL, "journald/10-labctl.conf"),
    ];
    for (path, name) in files {
        host.add_file(path, Piece::plain(name)?, "0644");
    }
    host.units.push(DesiredUnit {
        name: "systemd-journald.service",
        inputs: vec![Input {
            path: JOURNAL,
            effect: Effect::Restart,
        }],
    });
    Ok(())
}
