//! {changes} → bytes.

use super::*;
use crate::host::desired::Packages;
use crate::host::{self, Facts, Inputs, fixture};

fn python(requirements: &str) -> Environment {
    Environment {
        packages: Packages::default().with([requirements]),
        ..Environment::default()
    }
}

/// Measured on Debian 12, with what was unpacked beside them.
#[test]
fn the_environments_of_jupyterhub_fit() {
    let desired = fixture::wanted("  jupyterhub: {}\n", &Inputs::default());
    let diff = host::diff(&desired, &Facts::empty());
    let taken = [("jupyterhub", 436), ("jupyterhub-proxy", 246)];
    for (name, mebibytes) in taken {
        let named = desired.environments.iter().find(|one| one.name == name);
        let room = environment(named.unwrap());
        assert!(room >= mebibytes * MEBIBYTE, "{name}: {room} bytes");
    }
    assert!(without_environments(&diff) >= FILES + PACKAGES);
}

#[test]
fn comments_and_empty_lines_take_no_room() {
    let two = python("boto3==1\n\n  # why\nmoto==5\n");
    assert_eq!(environment(&two), environment(&python("boto3==1\nmoto==5")));
    assert_eq!(environment(&two), ENVIRONMENT + 2 * REQUIREMENT);
}

#[test]
fn a_language_of_its_own_takes_more() {
    let system = python("ipykernel==7\n");
    let own = Environment {
        version: Some("3.12.4".to_owned()),
        ..system.clone()
    };
    assert_eq!(environment(&own), environment(&system) + INTERPRETER);
}

#[test]
fn packages_are_counted_only_where_some_are_missing() {
    let mut diff = HostDiff::default();
    assert_eq!(without_environments(&diff), FILES);
    diff.changes = ["nginx", "r-base"]
        .map(|name| HostChange::Package(name.to_owned()))
        .into();
    assert_eq!(without_environments(&diff), FILES + PACKAGES + 2 * PACKAGE);
}
