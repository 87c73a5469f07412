//! Tags of hosted zones.
//!
//! Source: Route 53 API Reference, "ChangeTagsForResource": at most 10 tags are
//! added, and 10 removed, by one call.

use aws_sdk_route53::operation::{
    change_tags_for_resource::{ChangeTagsForResourceInput, ChangeTagsForResourceOutput},
    list_tags_for_resource::{ListTagsForResourceInput, ListTagsForResourceOutput},
};
use aws_sdk_route53::types::{ResourceTagSet, Tag, TagResourceType};

use super::super::refusal::{Answer, refuse};
use super::super::world::World;
use super::invalid_input;
use super::zones::arn;

/// The most tags that one call adds or removes.
const MOST_AT_ONCE: usize = 10;
/// The most tags that a zone can have.
const MOST: usize = 50;

impl World {
    fn tagged_zone(&self, kind: Option<&TagResourceType>, id: Option<&str>) -> Answer<&str> {
        match kind {
            Some(TagResourceType::Hostedzone) => Ok(self.zone(id)?.0),
            _ => Err(invalid_input("The resource type must be hostedzone")),
        }
    }

    pub fn list_tags_for_resource(
        &self,
        input: &ListTagsForResourceInput,
    ) -> Answer<ListTagsForResourceOutput> {
        let id = self.tagged_zone(input.resource_type(), input.resource_id())?;
        let tags = self.register.tags(&arn(id));
        let tags = tags
            .iter()
            .map(|(key, value)| Tag::builder().key(key).value(value).build());
        let set = ResourceTagSet::builder()
            .resource_type(TagResourceType::Hostedzone)
            .resource_id(id)
            .set_tags(Some(tags.collect()));
        Ok(ListTagsForResourceOutput::builder()
            .resource_tag_set(set.build())
            .build())
    }

    pub fn change_tags_for_resource(
        &mut self,
        input: &ChangeTagsForResourceInput,
    ) -> Answer<ChangeTagsForResourceOutput> {
        let id = self
            .tagged_zone(input.resource_type(), input.resource_id())?
            .to_owned();
        let (added, removed) = (input.add_tags(), input.remove_tag_keys());
        let too_many = added.len() > MOST_AT_ONCE || removed.len() > MOST_AT_ONCE;
        if too_many || (added.is_empty() && removed.is_empty()) {
            return Err(invalid_input(
                "AddTags and RemoveTagKeys take 1 to 10 items",
            ));
        }
        let mut tags = self.register.tags(&arn(&id));
        tags.retain(|key, _| !removed.contains(key));
        for tag in added {
            let (key, value) = (
                tag.key().unwrap_or_default(),
                tag.value().unwrap_or_default(),
            );
            let is_valid = !key.is_empty()
                && key.chars().count() <= 128
                && value.chars().count() <= 256
                && !key.starts_with("aws:");
            if !is_valid {
                return Err(invalid_input(format!("The tag '{key}' is not valid")));
            }
            tags.insert(key.to_owned(), value.to_owned());
        }
        if tags.len() > MOST {
            return Err(refuse(
                "LimitsExceeded",
                "The limit on tags has been exceeded",
            ));
        }
        self.register.set_tags(&arn(&id), tags);
        Ok(ChangeTagsForResourceOutput::builder().build())
    }
}
