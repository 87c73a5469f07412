//! Tags in the form in which IAM's calls take and give them.

use aws_sdk_iam::types::Tag;

use crate::cloud::resource::Tags;

/// Reads IAM's tags.
pub fn read(tags: &[Tag]) -> Tags {
    tags.iter()
        .map(|tag| (tag.key().to_owned(), tag.value().to_owned()))
        .collect()
}

/// Writes IAM's tags.
pub fn write(tags: &Tags) -> Vec<Tag> {
    tags.iter()
        .filter_map(|(key, value)| Tag::builder().key(key).value(value).build().ok())
        .collect()
}
