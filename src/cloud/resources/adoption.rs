//! Taking something that exists into the lab: its tags are set, nothing else.

use aws_sdk_ec2::operation::describe_addresses::DescribeAddressesInput;

use crate::cloud::api::{CallError, Read};
use crate::cloud::resource::{Address, Desired, Live};

use super::context::{Scope, StepError};
use super::record::{self, RecordChange};
use super::run::Run;
use super::{Body, Kind, Reader, elastic_ip, instance};

/// Whether somebody who says `id` means this resource: by its id, or by the
/// name of a key pair, role, record or zone.
pub fn is_called(live: &Live, id: &str) -> bool {
    let name = match &live.body {
        Body::KeyPair(pair) => Some(&pair.name),
        Body::Role(role) => Some(&role.name),
        Body::GithubRole(github) => Some(&github.role.name),
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
) -> Result<Option<Live>, CallError> {
    let reader = Reader::new(cloud, scope);
    match address.kind() {
        Kind::Instance => instance::find(&reader, id).await,
        Kind::ElasticIp => {
            let input = DescribeAddressesInput::builder().allocation_ids(id);
            match cloud.describe_addresses(input).await {
                Ok(output) => {
                    let found = output.addresses().first();
                    Ok(found.map(|address| elastic_ip::live(address, &reader)))
                }
                Err(error) if error.code().starts_with("InvalidAllocationID") => Ok(None),
                Err(error) => Err(error),
            }
        }
        _ => Ok(None),
    }
}

/// Sets the lab's tags, or writes the companion of a record.
pub async fn adopt(live: &Live, desired: &Desired, run: &Run<'_>) -> Result<(), StepError> {
    match (&live.body, &desired.body) {
        (Body::Record(record), _) => {
            record::apply(&[RecordChange::Update(record.clone())], run).await
        }
        (Body::Instance(_), Body::Instance(wanted)) => instance::adopt(live, wanted, run).await,
        _ => {
            let tags = desired
                .body
                .fields()
                .into_iter()
                .filter(|field| field.path.starts_with("tags."));
            let changed: Vec<String> = tags.map(|field| field.path).collect();
            desired.body.update(live, &changed, run).await
        }
    }
}
