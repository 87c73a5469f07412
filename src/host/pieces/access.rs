//! Who may log in, and how.

use crate::host::desired::{Checker, DesiredHost, DesiredUnit, DesiredUser, Effect, Input};
use crate::host::render::RenderError;
use crate::host::services::Service;

use super::{Definition, Piece};

/// The user that Ubuntu's images come with (Canonical, "Ubuntu on AWS"), as whom labctl logs in.
pub const LOGIN: &str = "ubuntu";
const SSHD: &str = "/etc/ssh/sshd_config.d/10-labctl.conf";

/// What it says of itself.
pub const PIECE: Definition = Definition {
    add,
    services: &[Service::new("ssh", &["ssh.service"])],
};

/// Adds the plan's users, their rights, and the hardened sshd.
fn add(piece: &Piece<'_>, host: &mut DesiredHost) -> Result<(), RenderError> {
    for user in &piece.workbench.users {
        let name = user.name.to_string();
        let keys = piece.inputs.authorized_keys.get(&name);
        host.users.insert(
            name,
            DesiredUser {
                sudo: user.sudo,
                keys: keys.cloned().unwrap_or_default(),
            },
        );
    }
    if piece.workbench.users.iter().any(|user| user.sudo) {
        host.add_packages(&["sudo"]);
        let rights = piece.render("sudo/90-labctl.j2")?;
        let path = "/etc/sudoers.d/90-labctl";
        host.add_checked(path, rights, "0440", Some(Checker::Sudoers));
    }
    let hardened = Piece::plain("ssh/10-labctl.conf")?;
    host.add_checked(SSHD, hardened, "0644", Some(Checker::Sshd));
    host.units.push(DesiredUnit {
        name: "ssh.service",
        inputs: vec![Input {
            path: SSHD,
            effect: Effect::Reload,
        }],
    });
    Ok(())
}
