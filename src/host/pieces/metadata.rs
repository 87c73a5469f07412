//! The instance metadata, closed to everybody but root.

use crate::host::desired::{Checker, DesiredHost, DesiredUnit, Effect, Gate, Input};
use crate::host::render::RenderError;

use super::{Definition, Piece};

const RULES: &str = "/etc/labctl/metadata.nft";
const CLOSED: &str = "/etc/labctl/metadata-closed.nft";
const UNIT: &str = "/etc/systemd/system/labctl-metadata.service";

/// What it says of itself.
pub const PIECE: Definition = Definition { add, services: &[] };

/// Adds the rules and the unit that loads them.
fn add(piece: &Piece<'_>, host: &mut DesiredHost) -> Result<(), RenderError> {
    host.add_packages(&["nftables"]);
    host.add_file(RULES, Piece::plain("nftables/metadata.nft")?, "0644");
    let closed = Piece::plain("nftables/metadata-closed.nft")?;
    host.add_checked(CLOSED, closed, "0644", Some(Checker::Nft));
    let unit = Piece::plain("systemd/labctl-metadata.service")?;
    host.add_checked(UNIT, unit, "0644", Some(Checker::Unit));
    // A restart would open the metadata for a moment.
    let inputs = [RULES, CLOSED, UNIT].map(|path| Input {
        path,
        effect: Effect::Reload,
    });
    host.units.push(DesiredUnit {
        name: "labctl-metadata.service",
        inputs: inputs.to_vec(),
    });
    let users = piece.variables.users.iter();
    let shut_out: Vec<_> = users.map(|user| user.name.clone()).collect();
    if !shut_out.is_empty() {
        host.gates.push(Gate::Metadata { users: shut_out });
    }
    Ok(())
}
