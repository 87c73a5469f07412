//! Objects: their versions and delete markers, listed and deleted.
//!
//! Sources: S3 API Reference, "ListObjectVersions" (1000 a page) and
//! "DeleteObjects" (1000 keys a call); S3 User Guide, "Working with delete
//! markers" and "Adding objects to versioning-suspended buckets".

use aws_sdk_s3::operation::{
    delete_objects::{DeleteObjectsInput, DeleteObjectsOutput},
    list_object_versions::{ListObjectVersionsInput, ListObjectVersionsOutput},
    put_object::PutObjectOutput,
};
use aws_sdk_s3::types::{
    BucketVersioningStatus, Delete, DeleteMarkerEntry, DeletedObject, ObjectIdentifier,
    ObjectVersion,
};
use aws_smithy_types::DateTime;
use labctl::cloud::api::Object;

use super::super::refusal::{Answer, refuse};
use super::super::world::World;
use super::{Bucket, malformed};

/// The most that one call lists or deletes.
const MOST: usize = 1000;
/// The bytes of the longest key (S3 User Guide, "Naming Amazon S3 objects").
const LONGEST_KEY: usize = 1024;
/// The id of versions made while versioning was off or suspended.
const UNVERSIONED: &str = "null";

/// A version of an object, or a delete marker.
#[derive(Debug, Clone)]
pub struct Version {
    id: String,
    is_marker: bool,
    modified: DateTime,
}

impl Bucket {
    fn keeps_versions(&self) -> bool {
        self.versioning == Some(BucketVersioningStatus::Enabled)
    }

    /// Puts a version on top of the others; one without an id takes the place of
    /// another without.
    fn push(&mut self, key: &str, version: Version) {
        let versions = self.objects.entry(key.to_owned()).or_default();
        if version.id == UNVERSIONED {
            versions.retain(|other| other.id != UNVERSIONED);
        }
        versions.insert(0, version);
    }

    /// Removes one version, if it is there, and says whether it was a marker.
    fn remove(&mut self, key: &str, id: &str) -> bool {
        let Some(versions) = self.objects.get_mut(key) else {
            return false;
        };
        let removed = versions.iter().position(|version| version.id == id);
        let removed = removed.map(|index| versions.remove(index));
        if versions.is_empty() {
            self.objects.remove(key);
        }
        removed.is_some_and(|version| version.is_marker)
    }
}

impl World {
    /// Makes the next version of an object, as far as the bucket keeps versions.
    pub fn put_version(&mut self, bucket: &str, key: &str, is_marker: bool) -> Option<String> {
        let keeps = self.buckets.get(bucket)?.keeps_versions();
        let id = if keeps {
            format!("v{:031x}", self.register.count())
        } else {
            UNVERSIONED.to_owned()
        };
        let modified = self.register.date(self.register.now);
        let version = Version {
            id: id.clone(),
            is_marker,
            modified,
        };
        self.buckets.get_mut(bucket)?.push(key, version);
        Some(id)
    }

    /// Puts an object: a version of it where the bucket keeps versions (S3 API Reference, "PutObject").
    pub fn put_object(&mut self, object: &Object) -> Answer<PutObjectOutput> {
        self.bucket(Some(&object.bucket), Some(&object.owner))?;
        if object.key.is_empty() || object.key.len() > LONGEST_KEY {
            return Err(refuse("KeyTooLongError", "Your key is too long"));
        }
        let id = self.put_version(&object.bucket, &object.key, false);
        let id = id.filter(|id| id != UNVERSIONED);
        Ok(PutObjectOutput::builder().set_version_id(id).build())
    }

    pub fn list_object_versions(
        &self,
        input: &ListObjectVersionsInput,
    ) -> Answer<ListObjectVersionsOutput> {
        let (name, bucket) = self.bucket(input.bucket(), input.expected_bucket_owner())?;
        let limit = input.max_keys().unwrap_or(1000);
        let limit = usize::try_from(limit).map_err(|_| {
            refuse(
                "InvalidArgument",
                "Argument maxKeys must be an integer between 0 and 2147483647",
            )
        })?;
        let rows = listed(bucket, input)?;
        let (page, rest) = rows.split_at(limit.min(MOST).min(rows.len()));
        let mut answer = ListObjectVersionsOutput::builder()
            .name(name)
            .max_keys(i32::try_from(limit.min(MOST)).unwrap_or(i32::MAX))
            .set_prefix(input.prefix.clone())
            .set_key_marker(input.key_marker.clone())
            .set_version_id_marker(input.version_id_marker.clone())
            .is_truncated(!rest.is_empty());
        if let (Some((key, version, _)), false) = (page.last(), rest.is_empty()) {
            answer = answer
                .next_key_marker(*key)
                .next_version_id_marker(&version.id);
        }
        for (key, version, is_latest) in page {
            if version.is_marker {
                let marker = DeleteMarkerEntry::builder()
                    .key(*key)
                    .version_id(&version.id);
                let marker = marker.is_latest(*is_latest).last_modified(version.modified);
                answer = answer.delete_markers(marker.build());
            } else {
                let object = ObjectVersion::builder()
                    .key(*key)
                    .version_id(&version.id)
                    .size(1);
                let object = object.is_latest(*is_latest).last_modified(version.modified);
                answer = answer.versions(object.build());
            }
        }
        Ok(answer.build())
    }

    /// Deletes objects: with a version's id that version, without one whatever
    /// the bucket's versioning makes of it. What is not there counts as deleted.
    pub fn delete_objects(&mut self, input: &DeleteObjectsInput) -> Answer<DeleteObjectsOutput> {
        let (name, _) = self.bucket(input.bucket(), input.expected_bucket_owner())?;
        let name = name.to_owned();
        let delete = input.delete().ok_or_else(malformed)?;
        if delete.objects().is_empty() || delete.objects().len() > MOST {
            return Err(malformed());
        }
        let deleted = delete
            .objects()
            .iter()
            .map(|object| self.delete_object(&name, object));
        let deleted: Vec<DeletedObject> = deleted.collect();
        let is_quiet = Delete::quiet(delete) == Some(true);
        let answer = DeleteObjectsOutput::builder();
        Ok(answer.set_deleted((!is_quiet).then_some(deleted)).build())
    }

    fn delete_object(&mut self, name: &str, object: &ObjectIdentifier) -> DeletedObject {
        let key = object.key();
        let answer = DeletedObject::builder().key(key);
        let Some(bucket) = self.buckets.get_mut(name) else {
            return answer.build();
        };
        match (object.version_id(), &bucket.versioning) {
            (Some(id), _) => {
                let was_marker = bucket.remove(key, id);
                let answer = answer.version_id(id);
                let answer = answer.set_delete_marker(was_marker.then_some(true));
                answer
                    .set_delete_marker_version_id(was_marker.then(|| id.to_owned()))
                    .build()
            }
            (None, None) => {
                bucket.objects.remove(key);
                answer.build()
            }
            (None, Some(_)) => {
                let marker = self.put_version(name, key, true);
                answer
                    .delete_marker(true)
                    .set_delete_marker_version_id(marker)
                    .build()
            }
        }
    }
}

/// A version in a list: its key, itself, and whether it is the latest.
type Row<'a> = (&'a str, &'a Version, bool);

/// Lists the versions after the markers, by key and from the latest on.
fn listed<'a>(bucket: &'a Bucket, input: &ListObjectVersionsInput) -> Answer<Vec<Row<'a>>> {
    let prefix = input.prefix().unwrap_or_default();
    let marker = input.key_marker().unwrap_or_default();
    if input.version_id_marker().is_some() && marker.is_empty() {
        let message = "A version-id marker cannot be specified without a key marker.";
        return Err(refuse("InvalidArgument", message));
    }
    let mut rows = Vec::new();
    for (key, versions) in &bucket.objects {
        let is_before = key.as_str() < marker;
        let is_marker = !marker.is_empty() && key == marker;
        if !key.starts_with(prefix) || is_before {
            continue;
        }
        let skipped = match input.version_id_marker() {
            Some(id) if is_marker => {
                let position = versions.iter().position(|version| version.id == id);
                position.map_or(versions.len(), |index| index + 1)
            }
            None if is_marker => versions.len(),
            _ => 0,
        };
        let latest = |index: usize| index == 0;
        let each = versions.iter().enumerate().skip(skipped);
        rows.extend(each.map(|(index, version)| (key.as_str(), version, latest(index))));
    }
    Ok(rows)
}
