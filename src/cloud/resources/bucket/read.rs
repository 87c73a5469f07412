//! Reading a bucket: its settings first, whose it is second.

use aws_sdk_s3::operation::get_bucket_encryption::{
    GetBucketEncryptionInput, GetBucketEncryptionOutput,
};
use aws_sdk_s3::operation::get_bucket_tagging::{GetBucketTaggingInput, GetBucketTaggingOutput};
use aws_sdk_s3::operation::get_bucket_versioning::{
    GetBucketVersioningInput, GetBucketVersioningOutput,
};
use aws_sdk_s3::operation::get_public_access_block::{
    GetPublicAccessBlockInput, GetPublicAccessBlockOutput,
};
use aws_sdk_s3::types::BucketVersioningStatus;
use futures_util::join;

use crate::cloud::api::{CallError, CallFailure, Read};
use crate::cloud::resource::{Address, Live, Observed, Owner, Tags};
use crate::cloud::resources::reader::Reader;
use crate::cloud::resources::{Kind, tags as lab_tags};
use crate::plan::Upload;

use super::{Bucket, model as uploads};

/// Takes one of the codes by which S3 says "not set" for an empty answer.
fn unless<T>(result: Result<T, CallError>, codes: &[&str]) -> Result<Option<T>, CallError> {
    match result {
        Ok(output) => Ok(Some(output)),
        Err(error) if codes.contains(&error.code()) => Ok(None),
        Err(error) => Err(error),
    }
}

/// Whether a bucket answers as one does that is somebody else's, or in another region.
fn is_out_of_reach<T>(result: &Result<T, CallError>) -> bool {
    let error = result.as_ref().err();
    error.is_some_and(|error| matches!(error.status(), 301 | 403) && error.code() != "ExpiredToken")
}

/// What can be asked before the account is known, as it was answered.
struct Answers {
    tagging: Result<GetBucketTaggingOutput, CallError>,
    versioning: Result<GetBucketVersioningOutput, CallError>,
    encryption: Result<GetBucketEncryptionOutput, CallError>,
}

impl Answers {
    /// Asks; with an `owner`, only a bucket of that account answers.
    async fn ask(cloud: &dyn Read, name: &str, owner: Option<&str>) -> Self {
        let owner = owner.map(str::to_owned);
        let tagging = GetBucketTaggingInput::builder().bucket(name);
        let versioning = GetBucketVersioningInput::builder().bucket(name);
        let encryption = GetBucketEncryptionInput::builder().bucket(name);
        let (tagging, versioning, encryption) = join!(
            cloud.get_bucket_tagging(tagging.set_expected_bucket_owner(owner.clone())),
            cloud.get_bucket_versioning(versioning.set_expected_bucket_owner(owner.clone())),
            cloud.get_bucket_encryption(encryption.set_expected_bucket_owner(owner)),
        );
        Self {
            tagging,
            versioning,
            encryption,
        }
    }

    fn errors(&self) -> impl Iterator<Item = &CallError> {
        let errors = [
            self.tagging.as_ref().err(),
            self.versioning.as_ref().err(),
            self.encryption.as_ref().err(),
        ];
        errors.into_iter().flatten()
    }

    /// Whether there is no such bucket.
    fn is_missing(&self) -> bool {
        self.errors().any(|error| error.code() == "NoSuchBucket")
    }

    /// The first answer that says nothing of the bucket: AWS has trouble of its own, or was not reached.
    /// To go on asking would only take time.
    fn trouble(&self) -> Option<CallError> {
        let is_trouble = |error: &&CallError| match &error.failure {
            CallFailure::Service { status, .. } => *status >= 500,
            CallFailure::Garbled { .. } => false,
            _ => true,
        };
        self.errors().find(is_trouble).cloned()
    }

    /// Whether every question was refused: where only some are, a permission is missing.
    fn are_refusals(&self) -> bool {
        is_out_of_reach(&self.tagging)
            && is_out_of_reach(&self.versioning)
            && is_out_of_reach(&self.encryption)
    }
}

/// Reads one bucket; `None` where there is none of that name.
///
/// Whose it is, S3 tells of a call that names the account. One without may be answered by
/// anybody's bucket that has a policy for it, so that what was asked before counts only then.
pub(super) async fn one(
    reader: &Reader<'_>,
    name: &str,
) -> Result<Option<Live<Bucket>>, CallError> {
    let answers = Answers::ask(reader.cloud, name, None).await;
    if answers.is_missing() {
        return Ok(None);
    }
    if let Some(error) = answers.trouble() {
        return Err(error);
    }
    let account = reader.account().await?;
    let access = GetPublicAccessBlockInput::builder()
        .bucket(name)
        .expected_bucket_owner(account);
    let (access, model) = join!(
        reader.cloud.get_public_access_block(access),
        model(reader, name, account),
    );
    if is_out_of_reach(&access) {
        if answers.are_refusals() {
            return Ok(Some(not_ours(reader, name, Owner::OutOfReach)));
        }
        // It answered without the account's name. If it does not with it, it is another's; else a permission is missing.
        if Answers::ask(reader.cloud, name, Some(account))
            .await
            .are_refusals()
        {
            return Ok(Some(not_ours(reader, name, Owner::OtherAccount)));
        }
    }
    match live(reader, name, answers, access, model) {
        Err(error) if error.code() == "NoSuchBucket" => Ok(None),
        other => other.map(Some),
    }
}

/// A bucket that cannot be the lab's, of which nothing is taken for true.
fn not_ours(reader: &Reader<'_>, name: &str, owner: Owner) -> Live<Bucket> {
    let body = |tags| Bucket::new(name, false, tags);
    let address = Address::of(Kind::Bucket);
    Live {
        owner,
        ..lab_tags::live(reader.scope, address, name, Observed::default(), body)
    }
}

fn live(
    reader: &Reader<'_>,
    name: &str,
    answers: Answers,
    access: Result<GetPublicAccessBlockOutput, CallError>,
    model: Result<Option<Upload>, CallError>,
) -> Result<Live<Bucket>, CallError> {
    let versioning = is_versioned(answers.versioning)?;
    let observed = Observed {
        tags: tags(answers.tagging)?,
        ..Observed::default()
    };
    let codes = &["ServerSideEncryptionConfigurationNotFoundError"];
    let encryption = unless(answers.encryption, codes)?.is_some();
    let public_access_blocked = is_blocked(access)?;
    let model = model?;
    let address = Address::of(Kind::Bucket);
    Ok(lab_tags::live(
        reader.scope,
        address,
        name,
        observed,
        |tags| Bucket {
            name: name.to_owned(),
            versioning,
            encryption,
            public_access_blocked,
            model,
            tags,
        },
    ))
}

/// Takes the tags of a bucket, which may have none.
pub(super) fn tags(result: Result<GetBucketTaggingOutput, CallError>) -> Result<Tags, CallError> {
    let output = unless(result, &["NoSuchTagSet"])?;
    let tags = output.map(|output| output.tag_set).unwrap_or_default();
    Ok(tags.into_iter().map(|tag| (tag.key, tag.value)).collect())
}

/// Servers that stand in for AWS may name the answer's root element otherwise
/// than S3 does (moto 5.2 does); the SDK then gives the text back unread.
fn is_versioned(result: Result<GetBucketVersioningOutput, CallError>) -> Result<bool, CallError> {
    match result {
        Ok(output) => Ok(output.status == Some(BucketVersioningStatus::Enabled)),
        Err(error) => match &error.failure {
            CallFailure::Garbled { body, .. } if body.contains("<GetBucketVersioningResponse") => {
                Ok(body.contains("<Status>Enabled</Status>"))
            }
            _ => Err(error),
        },
    }
}

fn is_blocked(result: Result<GetPublicAccessBlockOutput, CallError>) -> Result<bool, CallError> {
    let access = unless(result, &["NoSuchPublicAccessBlockConfiguration"])?
        .and_then(|output| output.public_access_block_configuration);
    Ok(access.is_some_and(|access| {
        let all = [
            access.block_public_acls,
            access.block_public_policy,
            access.ignore_public_acls,
            access.restrict_public_buckets,
        ];
        all.iter().all(|one| *one == Some(true))
    }))
}

/// The model that the plan wants there, if it is: others are not looked for.
async fn model(reader: &Reader<'_>, name: &str, owner: &str) -> Result<Option<Upload>, CallError> {
    let wanted = reader.scope.model.as_ref();
    let wanted = wanted.filter(|_| reader.scope.bucket.as_deref() == Some(name));
    let Some(upload) = wanted else {
        return Ok(None);
    };
    let is_there = uploads::is_there(upload, reader.cloud, name, owner).await?;
    Ok(is_there.then(|| upload.clone()))
}
