//! Ownership, written on the resources as tags.
//!
//! `labctl:lab`, `labctl:region` and `labctl:resource` say whose a resource is;
//! only with all three it is the lab's. `labctl:tags` lists the plan's own tag
//! keys, so that one that left the plan is taken off, while tags that others
//! put there (an organisation's cost centre, say) stay and count as no change.

use std::collections::BTreeSet;

use crate::cloud::resource::{Address, Field, Live, Observed, Owner, Standing, Tags, Value};

use super::Scope;

/// The tag that names the lab.
pub const LAB_TAG: &str = "labctl:lab";
/// The tag that names the lab's region, for kinds that have none.
pub const REGION_TAG: &str = "labctl:region";
/// The tag that holds the resource's address.
pub const RESOURCE_TAG: &str = "labctl:resource";
/// The tag that lists the keys of the plan's own tags.
pub const KEYS_TAG: &str = "labctl:tags";
/// The tag that notes the image in the plan's words, so that a newer AMI
/// of the same image is no difference and needs no look-up.
pub const IMAGE_TAG: &str = "labctl:image";
/// The tag that notes a guarded change of the server in progress.
pub const TRANSACTION_TAG: &str = "labctl:transaction";
/// The tag that notes that a resource was put into the default network.
pub const NETWORK_TAG: &str = "labctl:network";
/// The key pair's tag that notes the zones that the lab has, or has records in, by name.
pub const ZONE_NOTE: &str = "labctl:zone";
/// The key pair's tag that notes that the lab has a role for GitHub Actions.
pub const GITHUB_NOTE: &str = "labctl:github";
/// The tag of the server's role that notes that the lab has a role for the server's users.
pub const USERS_NOTE: &str = "labctl:users";
/// The prefix of labctl's own tags.
pub const OWN_PREFIX: &str = "labctl:";

const KEY_SEPARATOR: &str = "//";

/// The tags that the resource at `address` is to have.
pub fn desired(scope: &Scope, address: &Address) -> Tags {
    let mut tags = scope.tags.clone();
    if !scope.tags.is_empty() {
        let keys: Vec<_> = scope.tags.keys().map(String::as_str).collect();
        tags.insert(KEYS_TAG.to_owned(), keys.join(KEY_SEPARATOR));
    }
    tags.insert("Name".to_owned(), scope.lab.clone());
    tags.insert(LAB_TAG.to_owned(), scope.lab.clone());
    tags.insert(REGION_TAG.to_owned(), scope.region.clone());
    tags.insert(RESOURCE_TAG.to_owned(), address.to_string());
    tags
}

/// The tags of a live resource that labctl answers for: its own, `Name`, those
/// that the plan set before, and those that the plan wants to set now.
///
/// `labctl:transaction` is a note of a running change and no property.
pub fn managed(tags: &Tags, scope: &Scope) -> Tags {
    let listed = tags.get(KEYS_TAG).map(String::as_str).unwrap_or_default();
    let listed: BTreeSet<&str> = listed.split(KEY_SEPARATOR).collect();
    let is_managed = |key: &str| {
        key == "Name"
            || listed.contains(key)
            || scope.tags.contains_key(key)
            || (key.starts_with(OWN_PREFIX) && key != TRANSACTION_TAG)
    };
    let managed = tags.iter().filter(|(key, _)| is_managed(key));
    managed
        .map(|(key, value)| (key.clone(), value.clone()))
        .collect()
}

/// Whether the tags say that the resource is this lab's.
pub fn is_ours(tags: &Tags, scope: &Scope) -> bool {
    of_lab(tags, scope) && tags.contains_key(RESOURCE_TAG)
}

/// Whether the tags name this lab and its region.
pub fn of_lab(tags: &Tags, scope: &Scope) -> bool {
    tags.get(LAB_TAG) == Some(&scope.lab) && tags.get(REGION_TAG) == Some(&scope.region)
}

/// Judges by the tags whose a resource is.
pub fn owner(tags: &Tags, scope: &Scope) -> Owner {
    if is_ours(tags, scope) {
        Owner::Lab
    } else {
        Owner::Other
    }
}

/// The rows of the field table for a resource's tags; those that are notes of
/// another field are that field's matter.
pub fn fields(tags: &Tags) -> Vec<Field> {
    const NOTES: &[&str] = &[IMAGE_TAG, NETWORK_TAG];
    let row =
        |(key, value): (&String, &String)| Field::update(format!("tags.{key}"), Value::text(value));
    let tags = tags
        .iter()
        .filter(|(key, _)| !NOTES.contains(&key.as_str()));
    tags.map(row).collect()
}

/// A change of tags, as the calls of all services want it.
///
/// Tags are taken off before others are set: the list of the plan's keys is among
/// those, and a run that is cut off in between has to find what it lists still.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TagChange {
    /// Tags to set.
    pub set: Tags,
    /// Keys to take off.
    pub remove: Vec<String>,
}

/// What turns the managed ones of the live tags into the desired ones.
pub fn change(live: &Tags, desired: &Tags, scope: &Scope) -> TagChange {
    let set = desired
        .iter()
        .filter(|(key, value)| live.get(*key) != Some(value));
    let gone = managed(live, scope)
        .into_keys()
        .filter(|key| !desired.contains_key(key));
    TagChange {
        set: set
            .map(|(key, value)| (key.clone(), value.clone()))
            .collect(),
        remove: gone.collect(),
    }
}

/// Makes a live resource of what a reading call told: whose it is and which
/// tags count comes from its tags.
pub fn live<B>(
    scope: &Scope,
    address: Address,
    id: impl Into<String>,
    observed: Observed,
    body: impl FnOnce(Tags) -> B,
) -> Live<B> {
    Live {
        address,
        id: id.into(),
        owner: owner(&observed.tags, scope),
        standing: Standing::Current,
        body: body(managed(&observed.tags, scope)),
        observed,
    }
}

/// Adds what carries the lab's tags under another name than the plan's: the
/// lab made it once, and has no use for it any more.
pub fn with_strays<B>(mut found: Vec<Live<B>>, strays: Vec<Live<B>>) -> Vec<Live<B>> {
    found.extend(strays.into_iter().map(|mut live| {
        live.standing = Standing::Stale;
        live
    }));
    found
}
