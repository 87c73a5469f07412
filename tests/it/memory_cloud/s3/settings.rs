//! The settings of buckets: tags, versioning, encryption, public access.
//!
//! Sources: S3 API Reference, "PutBucketTagging", "PutBucketVersioning",
//! "PutBucketEncryption", "PutPublicAccessBlock"; S3 User Guide, "Default
//! encryption FAQ" (always on) and "Blocking public access to your Amazon S3
//! storage" (all four on in new buckets).

use aws_sdk_s3::operation::{
    get_bucket_encryption::{GetBucketEncryptionInput, GetBucketEncryptionOutput},
    get_bucket_tagging::{GetBucketTaggingInput, GetBucketTaggingOutput},
    get_bucket_versioning::{GetBucketVersioningInput, GetBucketVersioningOutput},
    get_public_access_block::{GetPublicAccessBlockInput, GetPublicAccessBlockOutput},
    put_bucket_encryption::{PutBucketEncryptionInput, PutBucketEncryptionOutput},
    put_bucket_tagging::{PutBucketTaggingInput, PutBucketTaggingOutput},
    put_bucket_versioning::{PutBucketVersioningInput, PutBucketVersioningOutput},
    put_public_access_block::{PutPublicAccessBlockInput, PutPublicAccessBlockOutput},
};
use aws_sdk_s3::types::{
    BucketVersioningStatus, PublicAccessBlockConfiguration, ServerSideEncryption,
    ServerSideEncryptionByDefault, ServerSideEncryptionConfiguration, ServerSideEncryptionRule,
    Tag, VersioningConfiguration,
};

use super::super::refusal::{Answer, refuse, refuse_with};
use super::super::register::Tags;
use super::super::world::World;
use super::buckets::arn;
use super::malformed;

/// The most tags that a bucket can have.
const MOST: usize = 50;

/// Gives the encryption of a new bucket.
pub fn default_encryption() -> Answer<ServerSideEncryptionConfiguration> {
    let default = ServerSideEncryptionByDefault::builder();
    let default = default
        .sse_algorithm(ServerSideEncryption::Aes256)
        .build()?;
    let rule = ServerSideEncryptionRule::builder()
        .apply_server_side_encryption_by_default(default)
        .bucket_key_enabled(false);
    Ok(ServerSideEncryptionConfiguration::builder()
        .rules(rule.build())
        .build()?)
}

/// Gives the block of public access of a new bucket.
pub fn all_blocked() -> PublicAccessBlockConfiguration {
    PublicAccessBlockConfiguration::builder()
        .block_public_acls(true)
        .ignore_public_acls(true)
        .block_public_policy(true)
        .restrict_public_buckets(true)
        .build()
}

/// Reads the tags of a request.
pub fn read_tags(tags: &[Tag]) -> Answer<Tags> {
    let mut all = Tags::new();
    for tag in tags {
        let (key, value) = (tag.key(), tag.value());
        let problem = if key.is_empty() || key.chars().count() > 128 {
            Some("The TagKey you have provided is invalid")
        } else if value.chars().count() > 256 {
            Some("The TagValue you have provided is invalid")
        } else if key.starts_with("aws:") {
            Some("System tags cannot be added/updated by requester")
        } else {
            None
        };
        if let Some(message) = problem {
            return Err(refuse("InvalidTag", message));
        }
        if all.insert(key.to_owned(), value.to_owned()).is_some() {
            let message = "Cannot provide multiple Tags with the same key";
            return Err(refuse("InvalidTag", message));
        }
    }
    if all.len() > MOST {
        return Err(refuse(
            "BadRequest",
            "Bucket tag count cannot be greater than 50",
        ));
    }
    Ok(all)
}

impl World {
    pub fn get_bucket_tagging(
        &self,
        input: &GetBucketTaggingInput,
    ) -> Answer<GetBucketTaggingOutput> {
        let (name, _) = self.bucket(input.bucket(), input.expected_bucket_owner())?;
        let tags = self.register.tags(&arn(name));
        if tags.is_empty() {
            return Err(refuse_with(
                404,
                "NoSuchTagSet",
                "The TagSet does not exist",
            ));
        }
        let tags = tags
            .iter()
            .map(|(key, value)| Tag::builder().key(key).value(value).build());
        let tags = tags.collect::<Result<_, _>>()?;
        Ok(GetBucketTaggingOutput::builder()
            .set_tag_set(Some(tags))
            .build()?)
    }

    /// Puts tags in the place of all that the bucket had.
    pub fn put_bucket_tagging(
        &mut self,
        input: &PutBucketTaggingInput,
    ) -> Answer<PutBucketTaggingOutput> {
        let (name, _) = self.bucket(input.bucket(), input.expected_bucket_owner())?;
        let name = name.to_owned();
        let tags = read_tags(input.tagging().ok_or_else(malformed)?.tag_set())?;
        self.register.set_tags(&arn(&name), tags);
        Ok(PutBucketTaggingOutput::builder().build())
    }

    /// Gives the status of versioning, which a bucket has only once it was set.
    pub fn get_bucket_versioning(
        &self,
        input: &GetBucketVersioningInput,
    ) -> Answer<GetBucketVersioningOutput> {
        let (_, bucket) = self.bucket(input.bucket(), input.expected_bucket_owner())?;
        let answer = GetBucketVersioningOutput::builder();
        Ok(answer.set_status(bucket.versioning.clone()).build())
    }

    pub fn put_bucket_versioning(
        &mut self,
        input: &PutBucketVersioningInput,
    ) -> Answer<PutBucketVersioningOutput> {
        let bucket = self.bucket_mut(input.bucket(), input.expected_bucket_owner())?;
        let configuration = input.versioning_configuration();
        let status = configuration.and_then(VersioningConfiguration::status);
        let allowed = [
            BucketVersioningStatus::Enabled,
            BucketVersioningStatus::Suspended,
        ];
        let Some(status) = status.filter(|status| allowed.contains(status)) else {
            let message = "The Versioning element must be specified";
            return Err(refuse("IllegalVersioningConfigurationException", message));
        };
        bucket.versioning = Some(status.clone());
        Ok(PutBucketVersioningOutput::builder().build())
    }

    pub fn get_bucket_encryption(
        &self,
        input: &GetBucketEncryptionInput,
    ) -> Answer<GetBucketEncryptionOutput> {
        let (_, bucket) = self.bucket(input.bucket(), input.expected_bucket_owner())?;
        let configuration = bucket.encryption.clone();
        let answer = GetBucketEncryptionOutput::builder();
        Ok(answer
            .server_side_encryption_configuration(configuration)
            .build())
    }

    pub fn put_bucket_encryption(
        &mut self,
        input: &PutBucketEncryptionInput,
    ) -> Answer<PutBucketEncryptionOutput> {
        let bucket = self.bucket_mut(input.bucket(), input.expected_bucket_owner())?;
        let configuration = input
            .server_side_encryption_configuration()
            .ok_or_else(malformed)?;
        let has_default = |rule: &ServerSideEncryptionRule| {
            rule.apply_server_side_encryption_by_default().is_some()
        };
        if configuration.rules().len() != 1 || !configuration.rules().iter().all(has_default) {
            return Err(malformed());
        }
        bucket.encryption = configuration.clone();
        Ok(PutBucketEncryptionOutput::builder().build())
    }

    pub fn get_public_access_block(
        &self,
        input: &GetPublicAccessBlockInput,
    ) -> Answer<GetPublicAccessBlockOutput> {
        let (_, bucket) = self.bucket(input.bucket(), input.expected_bucket_owner())?;
        let configuration = bucket.public_access.clone();
        let answer = GetPublicAccessBlockOutput::builder();
        Ok(answer
            .public_access_block_configuration(configuration)
            .build())
    }

    /// Puts a whole configuration; what it leaves out is off.
    pub fn put_public_access_block(
        &mut self,
        input: &PutPublicAccessBlockInput,
    ) -> Answer<PutPublicAccessBlockOutput> {
        let bucket = self.bucket_mut(input.bucket(), input.expected_bucket_owner())?;
        let asked = input
            .public_access_block_configuration()
            .ok_or_else(malformed)?;
        bucket.public_access = PublicAccessBlockConfiguration::builder()
            .block_public_acls(asked.block_public_acls() == Some(true))
            .ignore_public_acls(asked.ignore_public_acls() == Some(true))
            .block_public_policy(asked.block_public_policy() == Some(true))
            .restrict_public_buckets(asked.restrict_public_buckets() == Some(true))
            .build();
        Ok(PutPublicAccessBlockOutput::builder().build())
    }
}
