//! Emptying a bucket, old versions and delete markers included.

use aws_sdk_s3::operation::delete_objects::DeleteObjectsInput;
use aws_sdk_s3::operation::list_object_versions::{
    ListObjectVersionsInput, ListObjectVersionsOutput,
};
use aws_sdk_s3::types::{Delete, ObjectIdentifier};

use crate::cloud::resources::context::StepError;
use crate::cloud::resources::run::Run;

/// Deletes everything, a page of at most 1000 at a time; the listing starts
/// anew after each page, because what it went by is gone.
pub async fn empty(bucket: &str, run: &Run<'_>) -> Result<(), StepError> {
    let mut deleted = 0;
    let mut before = Vec::new();
    loop {
        let input = ListObjectVersionsInput::builder()
            .bucket(bucket)
            .expected_bucket_owner(run.shared.account);
        let page = match run.cloud.list_object_versions(input).await {
            Err(error) if error.code() == "NoSuchBucket" => return Ok(()),
            other => other?,
        };
        let objects = identifiers(&page);
        if objects.is_empty() {
            return Ok(());
        }
        if objects == before {
            return Err(StepError::blocked(
                format!("S3 still lists what it has just deleted from `{bucket}`"),
                "run `labctl destroy` again",
            ));
        }
        before.clone_from(&objects);
        for objects in objects.chunks(AT_ONCE) {
            delete_page(bucket, objects.to_vec(), run).await?;
            deleted += objects.len();
        }
        (run.say)(&format!("deleted {deleted} objects and versions"));
    }
}

/// The most objects that one call deletes (S3 API Reference, "DeleteObjects").
const AT_ONCE: usize = 1000;

fn identifiers(page: &ListObjectVersionsOutput) -> Vec<ObjectIdentifier> {
    let versions = page
        .versions()
        .iter()
        .map(|one| (one.key(), one.version_id()));
    let markers = page
        .delete_markers()
        .iter()
        .map(|one| (one.key(), one.version_id()));
    let identifier = |(key, version): (Option<&str>, Option<&str>)| {
        ObjectIdentifier::builder()
            .key(key?)
            .set_version_id(version.map(str::to_owned))
            .build()
            .ok()
    };
    versions.chain(markers).filter_map(identifier).collect()
}

async fn delete_page(
    bucket: &str,
    objects: Vec<ObjectIdentifier>,
    run: &Run<'_>,
) -> Result<(), StepError> {
    let delete = Delete::builder()
        .set_objects(Some(objects))
        .quiet(true)
        .build()
        .ok();
    let input = DeleteObjectsInput::builder()
        .bucket(bucket)
        .expected_bucket_owner(run.shared.account)
        .set_delete(delete);
    let output = run.cloud.delete_objects(input).await?;
    match output.errors().first() {
        None => Ok(()),
        Some(error) => Err(StepError::blocked(
            format!(
                "S3 does not delete `{}` from `{bucket}`: {}",
                error.key().unwrap_or("an object"),
                error.message().unwrap_or("it gives no reason"),
            ),
            "delete it by hand, then run the same command again",
        )),
    }
}
