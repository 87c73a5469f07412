//! The inventory: a plain list of all that exists, for tests to look at.

use std::collections::BTreeMap;

use serde::Serialize;

use super::ec2::Rule;
use super::register::Tags;
use super::world::World;

/// Everything in a world, sorted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Inventory {
    /// The things, by kind and id.
    pub items: Vec<Item>,
}

/// One thing in a world.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Item {
    /// What it is, as ARNs call it: `instance`, `security-group`, `role`, …
    pub kind: String,
    /// AWS's id; an ARN or a name where there is no other id.
    pub id: String,
    /// Its name, where it has one besides the id.
    pub name: String,
    /// Where it is; empty for a global one.
    pub region: String,
    /// Its tags.
    pub tags: BTreeMap<String, String>,
    /// Its state, where its kind has states.
    pub state: String,
    /// What else there is to say of it.
    pub attributes: BTreeMap<String, String>,
}

impl Inventory {
    /// Gives the things of one kind.
    pub fn of(&self, kind: &str) -> Vec<&Item> {
        self.items.iter().filter(|item| item.kind == kind).collect()
    }

    /// Finds a thing by its id.
    pub fn get(&self, id: &str) -> Option<&Item> {
        self.items.iter().find(|item| item.id == id)
    }

    /// Gives the things that have a tag of a key and a value.
    pub fn tagged(&self, key: &str, value: &str) -> Vec<&Item> {
        let has_tag = |item: &&Item| item.tags.get(key).is_some_and(|found| found == value);
        self.items.iter().filter(has_tag).collect()
    }

    /// Leaves out what is terminated and waits only to be forgotten.
    #[must_use]
    pub fn living(mut self) -> Self {
        self.items.retain(|item| item.state != "terminated");
        self
    }
}

/// An attribute of a thing, by name.
type Attribute = (&'static str, String);

impl World {
    /// Lists everything that exists.
    pub fn inventory(&self) -> Inventory {
        let mut items = Vec::new();
        self.list_network(&mut items);
        self.list_instances(&mut items);
        self.list_disks_and_keys(&mut items);
        self.list_identities(&mut items);
        self.list_buckets_and_zones(&mut items);
        items.sort();
        Inventory { items }
    }

    fn item(&self, key: &str, name: &str, state: &str, attributes: &[Attribute]) -> Item {
        let record = self.register.record(key);
        let attributes = attributes
            .iter()
            .map(|(name, value)| ((*name).to_owned(), value.clone()));
        Item {
            kind: record.map_or("", |record| record.kind.name).to_owned(),
            id: key.to_owned(),
            name: name.to_owned(),
            region: record
                .map(|record| record.region.clone())
                .unwrap_or_default(),
            tags: record.map_or_else(Tags::new, |record| record.tags.clone()),
            state: state.to_owned(),
            attributes: attributes.collect(),
        }
    }

    fn list_network(&self, items: &mut Vec<Item>) {
        for (id, vpc) in &self.vpcs {
            items.push(self.item(
                id,
                "",
                "",
                &[
                    ("cidr", vpc.cidr.to_string()),
                    ("default", vpc.default.to_string()),
                ],
            ));
        }
        for (id, subnet) in &self.subnets {
            items.push(self.item(
                id,
                "",
                "",
                &[
                    ("cidr", subnet.cidr.to_string()),
                    ("public_addresses", subnet.maps_public_addresses.to_string()),
                    ("vpc", subnet.vpc.clone()),
                    ("zone", subnet.zone.clone()),
                ],
            ));
        }
        for (id, gateway) in &self.gateways {
            let vpc = gateway.vpc.clone().unwrap_or_default();
            items.push(self.item(id, "", "", &[("vpc", vpc)]));
        }
        for (id, table) in &self.route_tables {
            let subnets: Vec<&str> = table.subnets.values().map(String::as_str).collect();
            items.push(self.item(
                id,
                "",
                "",
                &[
                    ("main", table.main.to_string()),
                    ("routes", format!("{:?}", table.routes)),
                    ("subnets", subnets.join(" ")),
                    ("vpc", table.vpc.clone()),
                ],
            ));
        }
        for (id, group) in &self.groups {
            let mut rules: Vec<String> = group.ingress.iter().map(spelled).collect();
            rules.sort();
            items.push(self.item(
                id,
                &group.name,
                "",
                &[
                    ("description", group.description.clone()),
                    ("ingress", rules.join("; ")),
                    ("vpc", group.vpc.clone()),
                ],
            ));
        }
    }

    fn list_instances(&self, items: &mut Vec<Item>) {
        for (id, instance) in &self.instances {
            let interface = instance.interface.as_ref();
            let interface = interface.and_then(|id| self.interfaces.get_key_value(id));
            let public = interface.and_then(|(id, one)| self.public_address(id, one));
            let groups = interface
                .map(|(_, one)| one.groups.join(" "))
                .unwrap_or_default();
            let profile = self.profile_on(id).and_then(|profile| profile.arn());
            items.push(self.item(
                id,
                "",
                instance.state.name().as_str(),
                &[
                    ("groups", groups),
                    ("image", instance.image.id.clone()),
                    ("key", instance.key.clone().unwrap_or_default()),
                    ("profile", profile.unwrap_or_default().to_owned()),
                    ("protected", instance.keeps_alive.to_string()),
                    ("public_address", public.unwrap_or_default().to_owned()),
                    ("subnet", instance.subnet.clone()),
                    ("type", instance.facts.name.to_owned()),
                ],
            ));
        }
        for (id, interface) in &self.interfaces {
            items.push(self.item(
                id,
                "",
                "in-use",
                &[
                    ("groups", interface.groups.join(" ")),
                    ("instance", interface.instance.clone()),
                    ("subnet", interface.subnet.clone()),
                ],
            ));
        }
        for (id, address) in &self.addresses {
            let association = address.association.as_ref();
            let interface = association
                .map(|one| one.interface.clone())
                .unwrap_or_default();
            let instance = self
                .interfaces
                .get(&interface)
                .map(|one| one.instance.clone());
            items.push(self.item(
                id,
                &address.public,
                "",
                &[
                    ("instance", instance.unwrap_or_default()),
                    ("interface", interface),
                ],
            ));
        }
        for (id, row) in &self.profile_associations {
            let profile = row.profile.arn().unwrap_or_default().to_owned();
            let instance = row.instance.clone();
            items.push(self.item(id, "", "", &[("instance", instance), ("profile", profile)]));
        }
    }

    fn list_disks_and_keys(&self, items: &mut Vec<Item>) {
        for (id, volume) in &self.volumes {
            let attachment = volume.attachment.as_ref();
            let state = if attachment.is_some() {
                "in-use"
            } else {
                "available"
            };
            let instance = attachment
                .map(|one| one.instance.clone())
                .unwrap_or_default();
            items.push(self.item(
                id,
                "",
                state,
                &[
                    ("encrypted", volume.encrypted.to_string()),
                    ("instance", instance),
                    ("size", volume.form.size.to_string()),
                    ("type", volume.form.kind.to_string()),
                ],
            ));
        }
        for (id, pair) in &self.key_pairs {
            let public = pair.key.line(&pair.name);
            items.push(self.item(id, &pair.name, "", &[("public_key", public)]));
        }
    }

    fn list_identities(&self, items: &mut Vec<Item>) {
        for (name, role) in &self.roles {
            let attached: Vec<&str> = role.attached.iter().map(String::as_str).collect();
            items.push(self.item(
                &role.arn,
                name,
                "",
                &[
                    ("attached", attached.join(" ")),
                    ("boundary", role.boundary.clone().unwrap_or_default()),
                    ("policies", format!("{:?}", role.policies)),
                    ("trust", role.trust.clone()),
                ],
            ));
        }
        for (name, profile) in &self.profiles {
            let role = profile
                .role
                .as_ref()
                .map(|role| role.name.clone())
                .unwrap_or_default();
            items.push(self.item(&profile.arn, name, "", &[("role", role)]));
        }
        for arn in self.providers.keys() {
            items.push(self.item(arn, "", "", &[]));
        }
    }

    fn list_buckets_and_zones(&self, items: &mut Vec<Item>) {
        for (name, bucket) in &self.buckets {
            let versioning = bucket.versioning.as_ref().map(ToString::to_string);
            let versions: usize = bucket.objects.values().map(Vec::len).sum();
            items.push(self.item(
                &super::s3::arn(name),
                name,
                "",
                &[
                    ("encryption", format!("{:?}", bucket.encryption)),
                    ("owner", bucket.owner.clone()),
                    ("public_access", format!("{:?}", bucket.public_access)),
                    ("versioning", versioning.unwrap_or_default()),
                    ("versions", versions.to_string()),
                ],
            ));
        }
        for (id, zone) in &self.zones {
            let mut item = self.item(
                &super::route53::arn(id),
                &zone.name,
                "",
                &[
                    ("private", zone.private.to_string()),
                    ("reference", zone.reference.clone()),
                ],
            );
            for set in &zone.sets {
                let values = set
                    .resource_records()
                    .iter()
                    .map(aws_sdk_route53::types::ResourceRecord::value);
                let values: Vec<&str> = values.collect();
                let ttl = set.ttl().map(|ttl| ttl.to_string()).unwrap_or_default();
                let name = format!("record {} {}", set.name(), set.r#type());
                item.attributes
                    .insert(name, format!("{ttl} {}", values.join(" ")));
            }
            items.push(item);
        }
    }
}

fn spelled(rule: &Rule) -> String {
    match &rule.description {
        None => rule.spelled(),
        Some(description) => format!("{} ({description})", rule.spelled()),
    }
}
