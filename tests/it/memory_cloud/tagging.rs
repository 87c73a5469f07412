//! The Resource Groups Tagging API: what has tags, by ARN.
//!
//! It lists what is in its region; what is global (hosted zones, and of IAM the
//! instance profiles and providers, but never roles) it lists in us-east-1 only.
//! Sources: Resource Groups Tagging API Reference, "GetResources"; AWS Resource
//! Groups User Guide, "Resource types you can use with AWS Resource Groups and
//! Tag Editor".

use aws_sdk_resourcegroupstagging::operation::get_resources::{
    GetResourcesInput, GetResourcesOutput,
};
use aws_sdk_resourcegroupstagging::types::{ResourceTagMapping, Tag, TagFilter};

use super::filters::page;
use super::refusal::{Answer, refuse};
use super::register::{Kind, Record, Tags};
use super::world::World;

impl World {
    pub fn get_resources(&self, input: &GetResourcesInput) -> Answer<GetResourcesOutput> {
        let limit = match input.resources_per_page() {
            None => 50,
            Some(number) => match usize::try_from(number) {
                Ok(number @ 1..=100) => number,
                _ => return Err(invalid("ResourcesPerPage must be between 1 and 100")),
            },
        };
        if input.tag_filters().len() > 50 {
            return Err(invalid("There are too many tag filters"));
        }
        let mut mappings = Vec::new();
        for (id, record, tags) in self.register.indexed() {
            let is_wanted = !tags.is_empty()
                && self.is_listed_here(record)
                && self.is_of_account(id)
                && has_type(record.kind, input.resource_type_filters())
                && input
                    .tag_filters()
                    .iter()
                    .all(|filter| admits(filter, tags));
            if is_wanted {
                mappings.push(mapping(self.register.arn(id, record), tags)?);
            }
        }
        mappings.sort_by(|one, other| one.resource_arn.cmp(&other.resource_arn));
        let token = input.pagination_token().filter(|token| !token.is_empty());
        let (mappings, next) = page(mappings, limit, token)?;
        let answer = GetResourcesOutput::builder()
            .set_resource_tag_mapping_list(Some(mappings))
            .pagination_token(next.unwrap_or_default());
        Ok(answer.build())
    }

    /// Only buckets can be another account's: their names are everybody's.
    fn is_of_account(&self, id: &str) -> bool {
        let name = id.strip_prefix(Kind::BUCKET.prefix);
        let bucket = name.and_then(|name| self.buckets.get(name));
        bucket.is_none_or(|bucket| bucket.owner == self.register.account)
    }

    fn is_listed_here(&self, record: &Record) -> bool {
        let region = match record.region.as_str() {
            "" => "us-east-1",
            region => region,
        };
        region == self.register.region && record.kind != Kind::ROLE
    }
}

fn invalid(message: &str) -> super::refusal::Refusal {
    refuse("InvalidParameterException", message)
}

fn has_type(kind: Kind, types: &[String]) -> bool {
    let is_of =
        |name: &String| *name == kind.service || *name == format!("{}:{}", kind.service, kind.name);
    types.is_empty() || types.iter().any(is_of)
}

fn admits(filter: &TagFilter, tags: &Tags) -> bool {
    let value = filter.key().and_then(|key| tags.get(key));
    value.is_some_and(|value| filter.values().is_empty() || filter.values().contains(value))
}

fn mapping(arn: String, tags: &Tags) -> Answer<ResourceTagMapping> {
    let tags = tags
        .iter()
        .map(|(key, value)| Tag::builder().key(key).value(value).build())
        .collect::<Result<_, _>>()?;
    let mapping = ResourceTagMapping::builder().resource_arn(arn);
    Ok(mapping.set_tags(Some(tags)).build())
}
