//! What others do behind labctl's back, in an instant between two calls.

use aws_sdk_ec2::operation::authorize_security_group_ingress::AuthorizeSecurityGroupIngressInput;
use aws_sdk_ec2::operation::create_tags::CreateTagsInput;
use aws_sdk_ec2::operation::describe_addresses::DescribeAddressesInput;
use aws_sdk_ec2::operation::describe_security_groups::DescribeSecurityGroupsInput;
use aws_sdk_ec2::operation::disassociate_address::DisassociateAddressInput;
use aws_sdk_ec2::operation::import_key_pair::ImportKeyPairInput;
use aws_sdk_ec2::operation::revoke_security_group_ingress::RevokeSecurityGroupIngressInput;
use aws_sdk_ec2::operation::stop_instances::StopInstancesInput;
use aws_sdk_ec2::types::{IpPermission, IpRange, Tag};
use aws_sdk_iam::operation::create_role::CreateRoleInput;
use aws_sdk_route53::operation::change_resource_record_sets::ChangeResourceRecordSetsInput;
use aws_sdk_route53::types::{
    Change, ChangeAction, ChangeBatch, ResourceRecord, ResourceRecordSet, RrType,
};
use aws_sdk_s3::operation::create_bucket::CreateBucketInput;
use aws_sdk_s3::operation::put_bucket_tagging::PutBucketTaggingInput;
use aws_sdk_s3::types::{
    BucketLocationConstraint, CreateBucketConfiguration, Tag as BucketTag, Tagging,
};
use aws_smithy_types::Blob;
use futures_util::FutureExt;
use labctl::cloud::api::{Call, CallError, Cloud, Read};
use labctl::cloud::resources::record::companion_name;

use crate::engine::harness::OTHER_KEY;
use crate::memory_cloud::Item;

use super::recipe::LAB;
use super::sim::{ForeignRecord, Sim, is_ours, ours};

/// A call of somebody else's, which takes no time.
pub fn at_once<T>(reply: impl Future<Output = Result<T, CallError>>) -> Option<T> {
    reply.now_or_never().and_then(Result::ok)
}

/// Does something before a call, if there is something to do it with.
///
/// S3 knows no call that sets one tag: where it comes between labctl's look at
/// the tags and its setting them, a tag is lost and nobody can help it.
pub fn meddle(sim: &Sim, call: Call, is_slow: bool) {
    let is_between = is_slow || call.operation == "PutBucketTagging";
    let did = match sim.chance.below(11) {
        0 => foreign_tag(sim),
        1 if !is_between => foreign_bucket_tag(sim),
        2 => added_rule(sim),
        3 => removed_rule(sim),
        4 => stopped(sim),
        5 if sim.chance.percent(30) => terminated(sim),
        6 => let_go_of_the_address(sim),
        7 => foreign_record(sim),
        8 => removed_record(sim),
        9 => in_the_way(sim),
        _ => add_object(sim),
    };
    if let Some(what) = did {
        sim.count(what);
        sim.log(|| format!("    behind our back: {what}"));
    }
}

fn one(sim: &Sim, kinds: &[&str]) -> Option<Item> {
    let inventory = sim.memory.snapshot().living();
    let region = sim.recipe.borrow().region;
    let ours = |item: &Item| is_ours(item, region) && kinds.contains(&item.kind.as_str());
    let found: Vec<Item> = inventory.items.into_iter().filter(ours).collect();
    (!found.is_empty())
        .then(|| found[sim.chance.below(u32::try_from(found.len()).unwrap()) as usize].clone())
}

/// Somebody puts a tag on something of the lab's.
pub fn foreign_tag(sim: &Sim) -> Option<&'static str> {
    const KINDS: [&str; 7] = [
        "instance",
        "volume",
        "security-group",
        "elastic-ip",
        "vpc",
        "subnet",
        "key-pair",
    ];
    let item = one(sim, &KINDS)?;
    let value = sim.chance.below(100).to_string();
    let tag = Tag::builder().key("cost-centre").value(&value).build();
    at_once(
        sim.memory
            .create_tags(CreateTagsInput::builder().resources(&item.id).tags(tag)),
    )?;
    note_tag(sim, item.id, value);
    Some("tags by hand")
}

fn note_tag(sim: &Sim, id: String, value: String) {
    let mut tags = sim.foreign_tags.borrow_mut();
    tags.retain(|(other, ..)| *other != id);
    tags.push((id, "cost-centre".to_owned(), value));
}

fn foreign_bucket_tag(sim: &Sim) -> Option<&'static str> {
    let item = one(sim, &["bucket"])?;
    let value = sim.chance.below(100).to_string();
    let mut tags = item.tags.clone();
    tags.insert("cost-centre".to_owned(), value.clone());
    let tags = tags
        .iter()
        .map(|(key, value)| BucketTag::builder().key(key).value(value).build());
    let tags: Result<Vec<_>, _> = tags.collect();
    let tagging = Tagging::builder().set_tag_set(tags.ok()).build().ok()?;
    let input = PutBucketTaggingInput::builder()
        .bucket(&item.name)
        .tagging(tagging);
    at_once(sim.memory.put_bucket_tagging(input))?;
    note_tag(sim, item.id, value);
    Some("tags by hand")
}

fn added_rule(sim: &Sim) -> Option<&'static str> {
    let group = one(sim, &["security-group"])?;
    let range = IpRange::builder().cidr_ip("198.51.100.0/24").build();
    let rule = IpPermission::builder()
        .ip_protocol("tcp")
        .from_port(8888)
        .to_port(8888)
        .ip_ranges(range);
    let input = AuthorizeSecurityGroupIngressInput::builder()
        .group_id(&group.id)
        .ip_permissions(rule.build());
    at_once(sim.memory.authorize_security_group_ingress(input))?;
    Some("rules by hand")
}

fn removed_rule(sim: &Sim) -> Option<&'static str> {
    let group = one(sim, &["security-group"])?;
    let input = DescribeSecurityGroupsInput::builder().group_ids(&group.id);
    let output = at_once(sim.memory.describe_security_groups(input))?;
    let rule = output
        .security_groups()
        .first()?
        .ip_permissions()
        .first()?
        .clone();
    let input = RevokeSecurityGroupIngressInput::builder()
        .group_id(&group.id)
        .ip_permissions(rule);
    at_once(sim.memory.revoke_security_group_ingress(input))?;
    Some("rules by hand")
}

fn stopped(sim: &Sim) -> Option<&'static str> {
    let server = one(sim, &["instance"])?;
    at_once(
        sim.memory
            .stop_instances(StopInstancesInput::builder().instance_ids(&server.id)),
    )?;
    sim.stopped_on_purpose.set(true);
    Some("servers stopped by hand")
}

fn terminated(sim: &Sim) -> Option<&'static str> {
    let server = one(sim, &["instance"])?;
    sim.memory.terminate_behind_our_back(&server.id);
    sim.ended_by_hand.borrow_mut().insert(server.id);
    Some("servers ended by hand")
}

fn let_go_of_the_address(sim: &Sim) -> Option<&'static str> {
    let address = one(sim, &["elastic-ip"])?;
    let input = DescribeAddressesInput::builder().allocation_ids(&address.id);
    let output = at_once(sim.memory.describe_addresses(input))?;
    let association = output.addresses().first()?.association_id()?;
    let input = DisassociateAddressInput::builder().association_id(association);
    at_once(sim.memory.disassociate_address(input))?;
    Some("addresses let go by hand")
}

/// Puts an object into the lab's bucket.
pub fn add_object(sim: &Sim) -> Option<&'static str> {
    let bucket = one(sim, &["bucket"])?;
    let key = format!("data/{}", sim.chance.below(5));
    if !sim.memory.add_object(&bucket.name, &key) {
        return None;
    }
    sim.objects
        .borrow_mut()
        .entry(bucket.name)
        .or_default()
        .insert(key);
    Some("objects added")
}

fn zone_id(item: &Item) -> &str {
    item.id.rsplit('/').next().unwrap_or_default()
}

/// Changes a record, as somebody with a console does.
pub fn change(sim: &Sim, action: ChangeAction, record: &ForeignRecord) -> Option<()> {
    let value = ResourceRecord::builder().value(record.value).build().ok()?;
    let set = ResourceRecordSet::builder()
        .name(&record.name)
        .r#type(RrType::from(record.kind))
        .ttl(60)
        .resource_records(value)
        .build()
        .ok()?;
    let change = Change::builder()
        .action(action)
        .resource_record_set(set)
        .build()
        .ok()?;
    let batch = ChangeBatch::builder().changes(change).build().ok()?;
    let zone = record.zone.rsplit('/').next().unwrap_or_default();
    let input = ChangeResourceRecordSetsInput::builder()
        .hosted_zone_id(zone)
        .change_batch(batch);
    at_once(sim.memory.change_resource_record_sets(input)).map(drop)
}

fn foreign_record(sim: &Sim) -> Option<&'static str> {
    let inventory = sim.memory.snapshot();
    let zone = *inventory.of("hostedzone").first()?;
    let label = sim.chance.pick(&["mail", "other", "www"]);
    let record = ForeignRecord {
        zone: zone.id.clone(),
        name: format!("{label}.{}", zone.name.trim_end_matches('.')),
        kind: sim.chance.pick(&["A", "TXT"]),
        value: "",
    };
    // Where a companion says that the record is the lab's, it is.
    let companion = companion_name(&record.name, record.kind, zone.name.trim_end_matches('.'));
    if zone
        .attributes
        .contains_key(&format!("record {companion}. TXT"))
    {
        return None;
    }
    let value = if record.kind == "A" {
        "192.0.2.99"
    } else {
        "\"of others\""
    };
    let record = ForeignRecord { value, ..record };
    change(sim, ChangeAction::Create, &record)?;
    sim.foreign_records.borrow_mut().push(record);
    Some("records of others")
}

/// Somebody deletes one of the lab's records, and leaves its companion.
fn removed_record(sim: &Sim) -> Option<&'static str> {
    let inventory = sim.memory.snapshot();
    let zone = *ours(&inventory, sim, "hostedzone").first()?;
    let (key, value) = zone
        .attributes
        .iter()
        .find(|(key, _)| key.ends_with(" A"))?;
    let name = key.strip_prefix("record ")?.strip_suffix(" A")?;
    let mut words = value.split(' ');
    let ttl: i64 = words.next()?.parse().ok()?;
    let is_foreign =
        |record: &ForeignRecord| format!("{}.", record.name) == name && record.kind == "A";
    if sim.foreign_records.borrow().iter().any(is_foreign) {
        return None;
    }
    let values = words.filter_map(|word| ResourceRecord::builder().value(word).build().ok());
    let set = ResourceRecordSet::builder()
        .name(name)
        .r#type(RrType::A)
        .ttl(ttl)
        .set_resource_records(Some(values.collect()))
        .build()
        .ok()?;
    let change = Change::builder()
        .action(ChangeAction::Delete)
        .resource_record_set(set)
        .build()
        .ok()?;
    let batch = ChangeBatch::builder().changes(change).build().ok()?;
    let input = ChangeResourceRecordSetsInput::builder()
        .hosted_zone_id(zone_id(zone))
        .change_batch(batch);
    at_once(sim.memory.change_resource_record_sets(input))?;
    sim.has_widows.set(true);
    Some("records deleted by hand")
}

/// Makes a bucket of somebody else's in the same account, if the name is free.
fn foreign_bucket(sim: &Sim, name: &str, region: &str) -> Option<()> {
    let constraint = (region != "us-east-1").then(|| BucketLocationConstraint::from(region));
    let tag = BucketTag::builder()
        .key("owner")
        .value("somebody")
        .build()
        .ok()?;
    let configuration = CreateBucketConfiguration::builder()
        .set_location_constraint(constraint)
        .tags(tag);
    let is_free = sim
        .memory
        .snapshot()
        .of("bucket")
        .iter()
        .all(|item| item.name != name);
    let input = CreateBucketInput::builder()
        .bucket(name)
        .create_bucket_configuration(configuration.build());
    is_free.then(|| at_once(sim.memory.create_bucket(input)).map(drop))?
}

/// Somebody takes a name that the lab may want.
fn in_the_way(sim: &Sim) -> Option<&'static str> {
    let before = sim.memory.snapshot();
    match sim.chance.below(3) {
        0 => {
            let recipe = sim.recipe.borrow();
            let name = recipe.bucket.as_ref()?.name;
            foreign_bucket(sim, name, recipe.region)?;
        }
        1 => {
            let input = ImportKeyPairInput::builder()
                .key_name(LAB)
                .public_key_material(Blob::new(OTHER_KEY));
            at_once(sim.memory.import_key_pair(input))?;
        }
        _ => {
            let name = format!("{LAB}-{}", sim.recipe.borrow().region);
            let name = if sim.chance.percent(50) {
                name
            } else {
                format!("{name}-github")
            };
            // IAM knows roles by their names alone: the lab's profile would carry this one.
            if before
                .items
                .iter()
                .any(|item| item.kind == "instance-profile" && item.name == name)
            {
                return None;
            }
            let trust = r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"Service":"ec2.amazonaws.com"},"Action":"sts:AssumeRole"}]}"#;
            let input = CreateRoleInput::builder()
                .role_name(name)
                .assume_role_policy_document(trust);
            at_once(sim.memory.create_role(input))?;
        }
    }
    let now = sim.memory.snapshot();
    let new = now
        .items
        .into_iter()
        .filter(|item| before.get(&item.id).is_none());
    let mut foreign = sim.foreign.borrow_mut();
    foreign.extend(new.map(|item| ((item.kind.clone(), item.id.clone()), item)));
    Some("things of others in the way")
}
