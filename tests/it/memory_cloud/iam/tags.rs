//! Tags of IAM.
//!
//! Source: IAM User Guide, "Tags for AWS Identity and Access Management
//! resources": at most 50, and keys differ by more than their case.

use aws_sdk_iam::operation::{
    tag_instance_profile::{TagInstanceProfileInput, TagInstanceProfileOutput},
    tag_open_id_connect_provider::{TagOpenIdConnectProviderInput, TagOpenIdConnectProviderOutput},
    tag_role::{TagRoleInput, TagRoleOutput},
    untag_instance_profile::{UntagInstanceProfileInput, UntagInstanceProfileOutput},
    untag_open_id_connect_provider::{
        UntagOpenIdConnectProviderInput, UntagOpenIdConnectProviderOutput,
    },
    untag_role::{UntagRoleInput, UntagRoleOutput},
};
use aws_sdk_iam::types::Tag;

use super::super::refusal::{Answer, refuse};
use super::super::register::{Register, Tags};
use super::super::world::World;
use super::limit_exceeded;

const MOST: usize = 50;

/// Reads the tags of a creating call.
pub fn read(tags: &[Tag]) -> Answer<Tags> {
    merged(Tags::new(), tags)
}

/// Adds tags to others; a key in another case is the same key.
fn merged(mut all: Tags, tags: &[Tag]) -> Answer<Tags> {
    for (index, tag) in tags.iter().enumerate() {
        let (key, value) = (tag.key(), tag.value());
        let is_same = |other: &Tag| other.key().eq_ignore_ascii_case(key);
        if tags.iter().take(index).any(is_same) {
            let message = "Duplicate tag keys found. Please note that Tag keys are case \
                           insensitive.";
            return Err(refuse("InvalidInput", message));
        }
        if key.is_empty() || key.chars().count() > 128 || value.chars().count() > 256 {
            let message =
                format!("1 validation error detected: the tag '{key}' has an invalid length");
            return Err(refuse("ValidationError", message));
        }
        if key.to_lowercase().starts_with("aws:") {
            let message = "System tags cannot be added/updated by requester";
            return Err(refuse("InvalidInput", message));
        }
        all.retain(|known, _| !known.eq_ignore_ascii_case(key));
        all.insert(key.to_owned(), value.to_owned());
    }
    if all.len() > MOST {
        return Err(limit_exceeded(
            "Cannot exceed quota for TagsPerResource: 50",
        ));
    }
    Ok(all)
}

impl Register {
    /// Gives the tags of a thing as IAM lists them.
    pub fn iam_tags(&self, arn: &str) -> Answer<Vec<Tag>> {
        let tags = self.record(arn).into_iter().flat_map(|record| &record.tags);
        let tags = tags.map(|(key, value)| Tag::builder().key(key).value(value).build());
        Ok(tags.collect::<Result<_, _>>()?)
    }
}

impl World {
    fn add_iam_tags(&mut self, arn: &str, tags: &[Tag]) -> Answer<()> {
        let tags = merged(self.register.tags(arn), tags)?;
        self.register.set_tags(arn, tags);
        Ok(())
    }

    fn remove_iam_tags(&mut self, arn: &str, keys: &[String]) {
        let mut tags = self.register.tags(arn);
        tags.retain(|known, _| !keys.iter().any(|key| key.eq_ignore_ascii_case(known)));
        self.register.set_tags(arn, tags);
    }

    pub fn tag_role(&mut self, input: &TagRoleInput) -> Answer<TagRoleOutput> {
        let arn = self.role(input.role_name())?.arn.clone();
        self.add_iam_tags(&arn, input.tags())?;
        Ok(TagRoleOutput::builder().build())
    }

    pub fn untag_role(&mut self, input: &UntagRoleInput) -> Answer<UntagRoleOutput> {
        let arn = self.role(input.role_name())?.arn.clone();
        self.remove_iam_tags(&arn, input.tag_keys());
        Ok(UntagRoleOutput::builder().build())
    }

    pub fn tag_instance_profile(
        &mut self,
        input: &TagInstanceProfileInput,
    ) -> Answer<TagInstanceProfileOutput> {
        let arn = self.profile(input.instance_profile_name())?.arn.clone();
        self.add_iam_tags(&arn, input.tags())?;
        Ok(TagInstanceProfileOutput::builder().build())
    }

    pub fn untag_instance_profile(
        &mut self,
        input: &UntagInstanceProfileInput,
    ) -> Answer<UntagInstanceProfileOutput> {
        let arn = self.profile(input.instance_profile_name())?.arn.clone();
        self.remove_iam_tags(&arn, input.tag_keys());
        Ok(UntagInstanceProfileOutput::builder().build())
    }

    pub fn tag_open_id_connect_provider(
        &mut self,
        input: &TagOpenIdConnectProviderInput,
    ) -> Answer<TagOpenIdConnectProviderOutput> {
        let (arn, _) = self.provider(input.open_id_connect_provider_arn())?;
        self.add_iam_tags(&arn, input.tags())?;
        Ok(TagOpenIdConnectProviderOutput::builder().build())
    }

    pub fn untag_open_id_connect_provider(
        &mut self,
        input: &UntagOpenIdConnectProviderInput,
    ) -> Answer<UntagOpenIdConnectProviderOutput> {
        let (arn, _) = self.provider(input.open_id_connect_provider_arn())?;
        self.remove_iam_tags(&arn, input.tag_keys());
        Ok(UntagOpenIdConnectProviderOutput::builder().build())
    }
}
