//! Taking something that exists into the lab: its tags are set, nothing else.

use aws_sdk_ec2::operation::describe_addresses::DescribeAddressesInput;

use crate::cloud::api::{CallError, Read};
use crate::cloud::resource::Address;

use super::context::{Scope, StepError};
use super::record::{self, RecordChange};
use super::run::Run;
use super::{Body, DesiredResource, Kind, LiveResource, Reader, elastic_ip, instance};

/// Whether somebody who says `id` means this resource: by its id, or by the
/// name of a key pair, role, record or zone.
pub fn is_called(live: &LiveResource, id: &str) -> bool {
    let name = match &live.body {
        Body::KeyPair(pair) => Some(&pair.name),
        Body::Role(role) => Some(&role.name),
        Body::GithubRole(github) => Some(&github.role.name),
        Body::UsersRole(users) => Some(&users.role.name),
        Body::InstanceProfile(profile) => Some(&profile.name),
        Body::Record(record) => Some(&record.name),
        Body::Zone(zone) => Some(&zone.name),
        _ => None,
    };
    live.id == id || name.is_some_and(|name| name == id)
}

/// Finds what is in nobody's way, and so in no reading: a server or an address.
pub async fn find(
    cloud: &dyn Read,
    scope: &Scope,
    address: &Address,
    id: &str,
) -> Result<Option<LiveResource>, CallError> {
    let reader = Reader::new(cloud, scope);
    match address.kind() {
        Kind::Instance => Ok(instance::find(&reader, id).await?.map(LiveResource::from)),
        Kind::ElasticIp => {
            let input = DescribeAddressesInput::builder().allocation_ids(id);
            match cloud.describe_addresses(input).await {
                Ok(output) => {
                    let found = output.addresses().first();
                    Ok(found.map(|address| elastic_ip::live(address, &reader).into()))
                }
                Err(error) if error.code().starts_with("InvalidAllocationID") => Ok(None),
                Err(error) => Err(error),
            }
        }
        _ => Ok(None),
    }
}

/// Sets the lab's tags, or writes the companion of a record.
pub async fn adopt(
    live: &LiveResource,
    desired: &DesiredResource,
    run: &Run<'_>,
) -> Result<(), StepError> {
    match (&live.body, &desired.body) {
        (Body::Record(record), _) => {
            record::apply(&[RecordChange::Update(record.clone())], run).await
        }
        (Body::Instance(found), Body::Instance(wanted)) => {
            instance::adopt(&live.with(found.clone()), wanted, run).await
        }
        _ => {
            let mut tagged = live.body.clone();
            tagged.take_tags(&desired.body);
            tagged.update(live, run).await
        }
    }
}
