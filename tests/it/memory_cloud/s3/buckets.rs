//! Buckets: their names belong to all of AWS, they to a region.
//!
//! Sources: S3 API Reference, "CreateBucket", "DeleteBucket" and
//! "Error responses"; S3 User Guide, "General purpose bucket naming rules".

use std::collections::BTreeMap;

use aws_sdk_s3::operation::{
    create_bucket::{CreateBucketInput, CreateBucketOutput},
    delete_bucket::{DeleteBucketInput, DeleteBucketOutput},
};
use aws_sdk_s3::types::{
    self, BucketVersioningStatus, CreateBucketConfiguration, PublicAccessBlockConfiguration,
    ServerSideEncryptionConfiguration,
};

use super::super::refusal::{Answer, Refusal, refuse, refuse_with, require};
use super::super::register::{Kind, Tags};
use super::super::world::World;
use super::Version;
use super::settings::{all_blocked, default_encryption, read_tags};

/// The region whose endpoint knows of no location constraint.
const FIRST_REGION: &str = "us-east-1";

/// A bucket.
pub struct Bucket {
    /// The account that it belongs to. One of another account has a policy that lets everybody do
    /// everything; those that have none are in `Options::taken_buckets`.
    pub owner: String,
    pub region: String,
    pub versioning: Option<BucketVersioningStatus>,
    pub encryption: ServerSideEncryptionConfiguration,
    pub public_access: PublicAccessBlockConfiguration,
    /// The versions of each object, the latest first.
    pub objects: BTreeMap<String, Vec<Version>>,
}

/// Spells the ARN of a bucket.
pub fn arn(name: &str) -> String {
    format!("{}{name}", Kind::BUCKET.prefix)
}

fn no_such_bucket() -> Refusal {
    refuse_with(404, "NoSuchBucket", "The specified bucket does not exist")
}

fn denied() -> Refusal {
    refuse_with(403, "AccessDenied", "Access Denied")
}

impl World {
    /// Finds a bucket that the call may reach: of the account that it expects, and in this region
    /// (S3 User Guide, "Verifying bucket ownership with bucket owner condition").
    pub fn bucket(&self, name: Option<&str>, owner: Option<&str>) -> Answer<(&str, &Bucket)> {
        let name = require(name, "Bucket")?;
        if self.options.taken_buckets.contains(name) {
            return Err(denied());
        }
        let found = self.buckets.get_key_value(name);
        let found = found.filter(|_| self.register.sees(&arn(name)));
        let (name, bucket) = found.ok_or_else(no_such_bucket)?;
        let is_account =
            |owner: &str| owner.len() == 12 && owner.bytes().all(|one| one.is_ascii_digit());
        if !owner.is_none_or(is_account) {
            let message =
                "The value of the expected bucket owner parameter must be an AWS account ID";
            return Err(refuse("InvalidBucketOwnerAWSAccountID", message));
        }
        if owner.is_some_and(|owner| owner != bucket.owner) {
            return Err(denied());
        }
        if bucket.region != self.register.region {
            let message = "The bucket you are attempting to access must be addressed using the \
                           specified endpoint. Please send all future requests to this endpoint.";
            return Err(refuse_with(301, "PermanentRedirect", message));
        }
        Ok((name, bucket))
    }

    /// Finds a bucket that the call may reach, to change it.
    pub fn bucket_mut(&mut self, name: Option<&str>, owner: Option<&str>) -> Answer<&mut Bucket> {
        let name = self.bucket(name, owner)?.0.to_owned();
        self.buckets.get_mut(&name).ok_or_else(no_such_bucket)
    }

    /// Makes a bucket. One's own, asked for again, is no error in us-east-1.
    pub fn create_bucket(&mut self, input: &CreateBucketInput) -> Answer<CreateBucketOutput> {
        let name = require(input.bucket(), "Bucket")?;
        check_name(name)?;
        let configuration = input.create_bucket_configuration();
        let region = self.location(configuration)?;
        let tags = configuration.map_or(&[][..], CreateBucketConfiguration::tags);
        let tags = read_tags(tags)?;
        let bucket = self.buckets.get(name);
        let is_ours = bucket.is_none_or(|bucket| bucket.owner == self.register.account);
        if self.options.taken_buckets.contains(name) || !is_ours {
            let message = "The requested bucket name is not available. The bucket namespace is \
                           shared by all users of the system. Please select a different name and \
                           try again.";
            return Err(refuse_with(409, "BucketAlreadyExists", message));
        }
        let answer = CreateBucketOutput::builder().location(format!("/{name}"));
        let answer = answer.bucket_arn(arn(name)).build();
        if let Some(bucket) = bucket {
            let is_forgiven = self.register.region == FIRST_REGION && bucket.region == FIRST_REGION;
            if is_forgiven && region == FIRST_REGION {
                return Ok(answer);
            }
            let message = "Your previous request to create the named bucket succeeded and you \
                           already own it.";
            return Err(refuse_with(409, "BucketAlreadyOwnedByYou", message));
        }
        if self
            .register
            .has_just_gone(&arn(name), self.options.transition)
        {
            let message = "A conflicting conditional operation is currently in progress against \
                           this resource. Please try again.";
            return Err(refuse_with(409, "OperationAborted", message));
        }
        self.add_bucket(name, region, tags)?;
        Ok(answer)
    }

    fn add_bucket(&mut self, name: &str, region: String, tags: Tags) -> Answer<()> {
        self.register.enter(&arn(name), Kind::BUCKET, &region, tags);
        let bucket = Bucket {
            owner: self.register.account.clone(),
            region,
            versioning: None,
            encryption: default_encryption()?,
            public_access: all_blocked(),
            objects: BTreeMap::new(),
        };
        self.buckets.insert(name.to_owned(), bucket);
        Ok(())
    }

    /// Reads where a new bucket goes, which must fit the endpoint of the call.
    fn location(&self, configuration: Option<&CreateBucketConfiguration>) -> Answer<String> {
        let here = self.register.region.as_str();
        let constraint = configuration.and_then(CreateBucketConfiguration::location_constraint);
        let incompatible = |constraint: &str| {
            let message = format!(
                "The {constraint} location constraint is incompatible for the region specific \
                 endpoint this request was sent to."
            );
            refuse("IllegalLocationConstraintException", message)
        };
        match constraint.map(types::BucketLocationConstraint::as_str) {
            None if here == FIRST_REGION => Ok(here.to_owned()),
            None => Err(incompatible("unspecified")),
            Some(FIRST_REGION) => {
                let message = "The specified location-constraint is not valid";
                Err(refuse("InvalidLocationConstraint", message))
            }
            Some(region) if here == FIRST_REGION || here == region => Ok(region.to_owned()),
            Some(region) => Err(incompatible(region)),
        }
    }

    /// Deletes a bucket that is empty, of old versions and delete markers too.
    pub fn delete_bucket(&mut self, input: &DeleteBucketInput) -> Answer<DeleteBucketOutput> {
        let (name, bucket) = self.bucket(input.bucket(), input.expected_bucket_owner())?;
        if !bucket.objects.is_empty() {
            let message = match bucket.versioning {
                None => "The bucket you tried to delete is not empty",
                Some(_) => {
                    "The bucket you tried to delete is not empty. You must delete all versions in \
                     the bucket."
                }
            };
            return Err(refuse_with(409, "BucketNotEmpty", message));
        }
        let name = name.to_owned();
        self.buckets.remove(&name);
        self.register.remove(&arn(&name));
        Ok(DeleteBucketOutput::builder().build())
    }
}

fn check_name(name: &str) -> Answer<()> {
    let is_allowed = |character: char| {
        character.is_ascii_lowercase() || character.is_ascii_digit() || ".-".contains(character)
    };
    let is_edge = |character: Option<char>| {
        character.is_some_and(|one| one.is_ascii_lowercase() || one.is_ascii_digit())
    };
    let is_valid = (3..=63).contains(&name.len())
        && name.chars().all(is_allowed)
        && is_edge(name.chars().next())
        && is_edge(name.chars().next_back())
        && !name.contains("..")
        && name.parse::<std::net::Ipv4Addr>().is_err();
    if is_valid {
        Ok(())
    } else {
        Err(refuse(
            "InvalidBucketName",
            "The specified bucket is not valid.",
        ))
    }
}
