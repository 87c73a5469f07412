//! Tags of EC2: their rules, and the calls that change them.
//!
//! The rules are those of the EC2 user guide, "Tag your Amazon EC2 resources":
//! at most 50 tags, keys of 128 and values of 256 characters, no `aws:`.

use aws_sdk_ec2::operation::create_tags::{CreateTagsInput, CreateTagsOutput};
use aws_sdk_ec2::operation::delete_tags::{DeleteTagsInput, DeleteTagsOutput};
use aws_sdk_ec2::types::{Tag, TagSpecification};

use super::refusal::{Answer, missing, refuse};
use super::register::{Kind, Register, Tags};
use super::world::World;

/// The most tags that a resource can have.
const MOST: usize = 50;

/// The kinds of EC2's, whose ids the tag calls know.
const KINDS: [Kind; 10] = [
    Kind::ADDRESS,
    Kind::GATEWAY,
    Kind::GROUP,
    Kind::INTERFACE,
    Kind::INSTANCE,
    Kind::KEY_PAIR,
    Kind::ROUTE_TABLE,
    Kind::SUBNET,
    Kind::VOLUME,
    Kind::VPC,
];

/// Reads the tags that a creating call sets on one kind of what it makes.
pub fn specified(specifications: &[TagSpecification], kind: Kind) -> Answer<Tags> {
    let mut tags = Tags::new();
    for specification in specifications {
        if specification
            .resource_type()
            .is_some_and(|name| name.as_str() == kind.name)
        {
            for tag in specification.tags() {
                let (key, value) = checked(tag)?;
                if tags.insert(key, value).is_some() {
                    let key = tag.key().unwrap_or_default();
                    let message = format!("Duplicate tag key '{key}' specified.");
                    return Err(refuse("InvalidParameterValue", message));
                }
            }
        }
    }
    counted(tags)
}

/// Refuses tags for a kind that the call does not make.
pub fn only(specifications: &[TagSpecification], kinds: &[Kind]) -> Answer<()> {
    for specification in specifications {
        let name = specification
            .resource_type()
            .map_or("", |name| name.as_str());
        if !kinds.iter().any(|kind| kind.name == name) {
            let message =
                format!("'{name}' is not a valid taggable resource type for this request.");
            return Err(refuse("InvalidParameterValue", message));
        }
    }
    Ok(())
}

/// Reads the tags of a call that makes one kind only.
pub fn sole(specifications: &[TagSpecification], kind: Kind) -> Answer<Tags> {
    only(specifications, &[kind])?;
    specified(specifications, kind)
}

fn checked(tag: &Tag) -> Answer<(String, String)> {
    let key = tag.key().unwrap_or_default();
    let value = tag.value().unwrap_or_default();
    let problem = if key.is_empty() {
        Some("Tag keys must not be empty.".to_owned())
    } else if key.starts_with("aws:") {
        Some("Tag keys starting with 'aws:' are reserved for internal use".to_owned())
    } else if key.chars().count() > 128 {
        Some(format!(
            "Tag key exceeds the maximum length of 128 characters: '{key}'"
        ))
    } else if value.chars().count() > 256 {
        Some(format!(
            "Tag value exceeds the maximum length of 256 characters: '{value}'"
        ))
    } else {
        None
    };
    match problem {
        Some(message) => Err(refuse("InvalidParameterValue", message)),
        None => Ok((key.to_owned(), value.to_owned())),
    }
}

fn counted(tags: Tags) -> Answer<Tags> {
    if tags.len() > MOST {
        let message = "The maximum number of Tags for a resource has been reached.";
        return Err(refuse("TagLimitExceeded", message));
    }
    Ok(tags)
}

impl Register {
    /// Gives the tags of a thing as EC2 lists them.
    pub fn ec2_tags(&self, id: &str) -> Vec<Tag> {
        self.record(id)
            .into_iter()
            .flat_map(|record| &record.tags)
            .map(|(key, value)| Tag::builder().key(key).value(value).build())
            .collect()
    }

    /// Refuses an id that no kind of EC2's has.
    fn check_any(&self, id: &str) -> Answer<()> {
        match KINDS.iter().find(|kind| id.starts_with(kind.prefix)) {
            Some(kind) => self.check(*kind, id),
            None => Err(refuse("InvalidID", format!("The ID '{id}' is not valid"))),
        }
    }
}

impl World {
    pub fn create_tags(&mut self, input: &CreateTagsInput) -> Answer<CreateTagsOutput> {
        let resources = named(input.resources())?;
        if input.tags().is_empty() {
            return Err(missing("Tags"));
        }
        let tags = input
            .tags()
            .iter()
            .map(checked)
            .collect::<Answer<Vec<_>>>()?;
        let mut changes = Vec::new();
        for id in resources {
            self.register.check_any(id)?;
            let mut all = self.register.tags(id);
            all.extend(tags.clone());
            changes.push((id, counted(all)?));
        }
        for (id, tags) in changes {
            self.register.set_tags(id, tags);
        }
        Ok(CreateTagsOutput::builder().build())
    }

    /// Deletes tags by key, by key and value where a value is given, or all.
    pub fn delete_tags(&mut self, input: &DeleteTagsInput) -> Answer<DeleteTagsOutput> {
        let resources = named(input.resources())?;
        for id in resources {
            self.register.check_any(id)?;
        }
        for id in resources {
            let mut tags = self.register.tags(id);
            let is_doomed = |key: &str, value: &str| {
                let hits = |tag: &Tag| {
                    tag.key() == Some(key) && tag.value().is_none_or(|wanted| wanted == value)
                };
                input.tags().is_empty() || input.tags().iter().any(hits)
            };
            tags.retain(|key, value| !is_doomed(key, value));
            self.register.set_tags(id, tags);
        }
        Ok(DeleteTagsOutput::builder().build())
    }
}

fn named(resources: &[String]) -> Answer<&[String]> {
    if resources.is_empty() {
        return Err(missing("resourceIdSet"));
    }
    Ok(resources)
}
