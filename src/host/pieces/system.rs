//! What every host gets: security updates, and logs that do not fill the disk.

use crate::host::desired::{Checker, DesiredHost, DesiredUnit, Effect, Input};
use crate::host::render::RenderError;
use crate::host::services::Service;

use super::{Definition, Piece};

const JOURNAL: &str = "/etc/systemd/journald.conf.d/10-labctl.conf";

/// What it says of itself.
pub const PIECE: Definition = Definition {
    add,
    services: &[Service::new("apply", &["labctl-apply.service"])],
};

/// What restarts the server in the plan's window, if an update waits for that.
const REBOOT: &str = "/usr/local/lib/labctl/reboot-if-due";
const REBOOT_SERVICE: &str = "/etc/systemd/system/labctl-reboot.service";
const REBOOT_TIMER: &str = "/etc/systemd/system/labctl-reboot.timer";

/// Adds them.
fn add(piece: &Piece<'_>, host: &mut DesiredHost) -> Result<(), RenderError> {
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
    match piece.workbench.reboot {
        Some(_) => reboot(piece, host),
        None => Ok(()),
    }
}

fn reboot(piece: &Piece<'_>, host: &mut DesiredHost) -> Result<(), RenderError> {
    let program = Piece::plain("reboot/reboot-if-due")?;
    host.add_file(REBOOT, program, "0755");
    let service = Piece::plain("systemd/labctl-reboot.service")?;
    host.add_checked(REBOOT_SERVICE, service, "0644", Some(Checker::Unit));
    let timer = piece.render("systemd/labctl-reboot.timer.j2")?;
    host.add_checked(REBOOT_TIMER, timer, "0644", Some(Checker::Unit));
    host.units.push(DesiredUnit {
        name: "labctl-reboot.timer",
        inputs: vec![Input {
            path: REBOOT_TIMER,
            effect: Effect::Restart,
        }],
    });
    Ok(())
}
