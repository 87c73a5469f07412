//! Clouds compared with each other: before with after, and one way to a lab with another way to it.

use crate::memory_cloud::{Inventory, Item};

use super::harness::Lab;
use super::inspection::new_items;

/// The lines in which two inventories differ.
pub fn differences(before: &Inventory, after: &Inventory) -> Vec<String> {
    let gone = before
        .items
        .iter()
        .filter(|item| !after.items.contains(item));
    let new = after
        .items
        .iter()
        .filter(|item| !before.items.contains(item));
    let gone = gone.map(|item| format!("- {item:?}"));
    gone.chain(new.map(|item| format!("+ {item:?}"))).collect()
}

/// A picture of the new things without ids and addresses: two clouds with the same lab in them look the same.
pub fn picture(lab: &Lab) -> Vec<String> {
    let items = new_items(lab);
    let mut names: Vec<(String, String)> = Vec::new();
    for item in &items {
        let tag = item.tags.get("labctl:resource").unwrap_or(&item.name);
        names.push((item.id.clone(), format!("<{} {tag}>", item.kind)));
        if item.kind == "elastic-ip" {
            names.push((item.name.clone(), "<address>".to_owned()));
        }
    }
    let plain = |text: &str| {
        let mut text = text.to_owned();
        for (id, name) in &names {
            text = text.replace(id.as_str(), name);
        }
        text
    };
    // Encryption by default and encryption that was asked for look different, and are the same; so do no versioning
    // and suspended versioning.
    let is_stable = |item: &Item, key: &str, value: &str| {
        let is_own = key == "reference"
            || key == "encryption"
            || key.ends_with(" NS")
            || key.ends_with(" SOA");
        let is_passing = value.is_empty() || item.kind == "instance" && key == "public_address";
        !(is_own || is_passing)
    };
    let mut lines: Vec<String> = items
        .iter()
        .map(|item| {
            let attributes = item.attributes.iter();
            let attributes: Vec<String> = attributes
                .filter(|(key, value)| is_stable(item, key, value))
                .filter(|(_, value)| *value != "Suspended")
                .map(|(key, value)| format!("{key}={}", plain(value)))
                .collect();
            let (id, name, region, state) = (&item.id, &item.name, &item.region, &item.state);
            let (id, name, tags) = (plain(id), plain(name), &item.tags);
            format!(
                "{id} {name} {region} {state} {tags:?} {}",
                attributes.join(", ")
            )
        })
        .collect();
    lines.sort();
    lines
}
