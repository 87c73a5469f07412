//! What keeps the server's users and services apart: who may listen on a service's port, who may connect to it, and
//! who sees whose processes.

use serde::Serialize;

use crate::host::desired::{Checker, DesiredHost, DesiredUnit, Effect, Gate, Input};
use crate::host::render::RenderError;
use crate::plan::Workbench;
use crate::support::digest;

use super::{Definition, LOGIN, Piece};

const RULES: &str = "/etc/labctl/isolation.nft";
const CLOSED: &str = "/etc/labctl/isolation-closed.nft";
const PROGRAM: &str = "/usr/local/lib/labctl/isolation";
const GROUP: &str = "/etc/sysusers.d/labctl-isolation.conf";
const SERVICE: &str = "/etc/systemd/system/labctl-isolation.service";
const LOGIND: &str = "/etc/systemd/system/systemd-logind.service.d/labctl.conf";
const POLKIT: &str = "/etc/systemd/system/polkit.service.d/labctl.conf";

/// The address of one user's server.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct UserAddress {
    /// Whose.
    pub user: String,
    /// An address of this host alone.
    pub address: String,
}

/// What it says of itself.
pub const PIECE: Definition = Definition { add, services: &[] };

/// Adds the rules, and the unit that brings them into the kernel.
fn add(piece: &Piece<'_>, host: &mut DesiredHost) -> Result<(), RenderError> {
    host.add_packages(&["nftables"]);
    // Checked without the users' names, some of which are only made by this apply.
    host.add_file(RULES, piece.render("nftables/isolation.nft.j2")?, "0644");
    let closed = Piece::plain("nftables/isolation-closed.nft")?;
    host.add_checked(CLOSED, closed, "0644", Some(Checker::Nft));
    host.add_file(PROGRAM, Piece::plain("isolation/isolation.sh")?, "0755");
    host.add_file(GROUP, Piece::plain("isolation/group.conf")?, "0644");
    let service = Piece::plain("systemd/labctl-isolation.service")?;
    host.add_checked(SERVICE, service, "0644", Some(Checker::Unit));
    for path in [LOGIND, POLKIT] {
        let sees_processes = Piece::plain("systemd/sees-processes.conf")?;
        host.add_file(path, sees_processes, "0644");
    }
    let input = |effect| move |path| Input { path, effect };
    // A restart would lift the rules for a moment.
    let inputs = [RULES, CLOSED, PROGRAM, GROUP, SERVICE].map(input(Effect::Reload));
    host.units.extend([
        DesiredUnit {
            name: "labctl-isolation.service",
            inputs: inputs.to_vec(),
        },
        // It keeps its sessions over a restart.
        DesiredUnit {
            name: "systemd-logind.service",
            inputs: [LOGIND].map(input(Effect::Restart)).to_vec(),
        },
    ]);
    let users = piece.variables.users.iter();
    let ordinary = users
        .filter(|user| !user.sudo)
        .map(|user| user.name.clone());
    host.gates
        .extend(ordinary.take(1).map(|user| Gate::Isolation { user }));
    Ok(())
}

/// Who may connect to the services past NGINX: who can become root anyway.
pub(super) fn administrators(workbench: &Workbench) -> Vec<String> {
    let users = workbench.users.iter().filter(|user| user.sudo);
    let users = users.map(|user| user.name.to_string());
    std::iter::once(LOGIN.to_owned()).chain(users).collect()
}

/// Gives a user's server an address of its own below 127.64.0.0/10, which stays the same whoever else comes or goes.
/// Two users who were given the same one could take each other's place there, which one in four million pairs are.
pub(super) fn address_of(user: String) -> UserAddress {
    let sum = digest::sha256(&user);
    let number = u32::from_str_radix(&sum[..8], 16).unwrap_or_default() & 0x003f_ffff;
    let [_, high, middle, low] = (0x7f40_0000 | number).to_be_bytes();
    UserAddress {
        address: format!("127.{high}.{middle}.{low}"),
        user,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn services_listen_where_only_root_can_and_are_guarded() {
        let rules = Piece::plain("nftables/isolation-closed.nft").unwrap();
        let guarded = rules.split_once("dport {").unwrap().1;
        let guarded = guarded.split_once('}').unwrap().0;
        let guarded: Vec<u16> = guarded
            .split(',')
            .map(|port| port.trim().parse().unwrap())
            .collect();
        for service in crate::host::pieces::services() {
            let Some(port) = service.port else { continue };
            assert!(port < 512, "{}", service.name);
            // The API is for every program of the server.
            let is_open = service.name == "api";
            assert_eq!(guarded.contains(&port), !is_open, "{}", service.name);
        }
    }

    #[test]
    fn each_user_has_an_address_of_this_host() {
        let names = ["guest", "test-user", "student1", "student10"];
        let mut addresses = names.map(|name| address_of(name.to_owned()).address);
        assert_eq!(addresses[0], address_of("guest".to_owned()).address);
        for address in &addresses {
            let address: std::net::Ipv4Addr = address.parse().unwrap();
            let second = address.octets()[1];
            assert!(
                address.is_loopback() && (64..128).contains(&second),
                "{address}"
            );
        }
        addresses.sort();
        assert!(
            addresses.windows(2).all(|pair| pair[0] != pair[1]),
            "{addresses:?}"
        );
    }
}
