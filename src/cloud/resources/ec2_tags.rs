//! Tags in the form in which EC2's calls take and give them.

use aws_sdk_ec2::operation::create_tags::CreateTagsInput;
use aws_sdk_ec2::operation::delete_tags::DeleteTagsInput;
use aws_sdk_ec2::types::{Filter, ResourceType, Tag, TagSpecification};

use crate::cloud::api::{CallError, Cloud};
use crate::cloud::resource::{Live, Tags};

use super::context::{Scope, StepError};
use super::run::Run;
use super::tags;

/// Makes a filter with one or more values.
pub fn filter<S: Into<String>>(name: &str, values: impl IntoIterator<Item = S>) -> Filter {
    let values = values.into_iter().map(Into::into).collect();
    Filter::builder()
        .name(name)
        .set_values(Some(values))
        .build()
}

/// The most values of a filter (EC2 API Reference, "Filter").
const MOST_VALUES: usize = 200;

/// Makes as many filters as it takes for all of the values, for a call each.
pub fn filters(name: &str, values: &[String]) -> Vec<Filter> {
    let chunks = values.chunks(MOST_VALUES);
    chunks.map(|values| filter(name, values)).collect()
}

/// The filters that find what carries the lab's tags.
pub fn lab_filters(scope: &Scope) -> Option<Vec<Filter>> {
    let of = |tag: &str, value: &str| filter(&format!("tag:{tag}"), [value]);
    Some(vec![
        of(tags::LAB_TAG, &scope.lab),
        of(tags::REGION_TAG, &scope.region),
    ])
}

/// Reads EC2's tags.
pub fn read(tags: &[Tag]) -> Tags {
    let pair = |tag: &Tag| Some((tag.key.clone()?, tag.value.clone().unwrap_or_default()));
    tags.iter().filter_map(pair).collect()
}

/// Writes EC2's tags.
pub fn write(tags: &Tags) -> Vec<Tag> {
    tags.iter()
        .map(|(key, value)| Tag::builder().key(key).value(value).build())
        .collect()
}

/// The tags of a creating call.
pub fn specification(resource_type: ResourceType, tags: &Tags) -> TagSpecification {
    TagSpecification::builder()
        .resource_type(resource_type)
        .set_tags(Some(write(tags)))
        .build()
}

/// Sets tags on EC2 resources.
pub async fn set(cloud: &dyn Cloud, ids: &[&str], tags: &Tags) -> Result<(), CallError> {
    let ids = ids.iter().map(|id| (*id).to_owned()).collect();
    let input = CreateTagsInput::builder()
        .set_resources(Some(ids))
        .set_tags(Some(write(tags)));
    cloud.create_tags(input).await.map(drop)
}

/// Takes tags off EC2 resources.
pub async fn remove(cloud: &dyn Cloud, ids: &[&str], keys: &[String]) -> Result<(), CallError> {
    let ids = ids.iter().map(|id| (*id).to_owned()).collect();
    let keys = keys.iter().map(|key| Tag::builder().key(key).build());
    let input = DeleteTagsInput::builder()
        .set_resources(Some(ids))
        .set_tags(Some(keys.collect()));
    cloud.delete_tags(input).await.map(drop)
}

/// The ids that carry a resource's tags: its own, and that of a server's disk.
pub fn carriers<B>(live: &Live<B>) -> Vec<&str> {
    let disk = live.observed.volume_id.as_deref();
    [Some(live.id.as_str()), disk]
        .into_iter()
        .flatten()
        .collect()
}

/// Brings an EC2 resource's tags to the desired ones, where they differ.
pub async fn update<B>(live: &Live<B>, desired: &Tags, run: &Run<'_>) -> Result<(), StepError> {
    let ids = carriers(live);
    let change = tags::change(&live.observed.tags, desired, run.scope);
    if !change.remove.is_empty() {
        remove(run.cloud, &ids, &change.remove).await?;
    }
    if !change.set.is_empty() {
        set(run.cloud, &ids, &change.set).await?;
    }
    Ok(())
}
