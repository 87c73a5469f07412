//! EC2: instances and all that they stand on.

mod addresses;
mod attributes;
mod console;
mod filters_of_instances;
mod gateways;
mod images;
mod instance_types;
mod instances;
mod interfaces;
mod key_pairs;
mod launch;
mod launch_checks;
mod modifications;
mod power;
mod profile_associations;
mod routes;
mod rules;
mod rules_changes;
mod security_groups;
mod subnets;
mod volumes;
mod vpcs;

pub use addresses::Address;
pub use gateways::Gateway;
pub use images::Image;
pub use instances::Instance;
pub use interfaces::Interface;
pub use key_pairs::KeyPair;
pub use launch::Launch;
pub use power::State;
pub use profile_associations::ProfileAssociation;
pub use routes::RouteTable;
pub use rules::Rule;
pub use security_groups::Group;
pub use subnets::Subnet;
pub use volumes::Volume;
pub use vpcs::Vpc;

use super::refusal::{Refusal, refuse};

/// Refuses to delete or detach what something else needs.
fn in_use(message: impl Into<String>) -> Refusal {
    refuse("DependencyViolation", message)
}

/// Refuses the id of an association, of whatever kind, that does not exist.
fn unknown_association(id: &str) -> Refusal {
    let message = format!("The association ID '{id}' does not exist");
    refuse("InvalidAssociationID.NotFound", message)
}
