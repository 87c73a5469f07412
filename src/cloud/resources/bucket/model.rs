//! The model in the bucket: uploaded from the laptop, below a key that stands for its content.

use std::sync::Arc;

use aws_sdk_s3::operation::list_object_versions::ListObjectVersionsInput;

use crate::cloud::api::{CallError, Object, Read};
use crate::cloud::resources::run::Run;
use crate::plan::Upload;

/// Is put last, so that it says: all of it is there.
const COMPLETE: &str = ".labctl-complete";

fn mark(upload: &Upload) -> String {
    format!("{}/{COMPLETE}", upload.key)
}

/// Says whether a model is there as a whole, in a bucket of the account `owner`.
pub(super) async fn is_there(
    upload: &Upload,
    cloud: &dyn Read,
    bucket: &str,
    owner: &str,
) -> Result<bool, CallError> {
    let mark = mark(upload);
    let input = ListObjectVersionsInput::builder()
        .bucket(bucket)
        .expected_bucket_owner(owner);
    let page = cloud
        .list_object_versions(input.prefix(&mark).max_keys(2))
        .await?;
    let mut versions = page.versions().iter();
    Ok(versions.any(|one| one.key() == Some(&mark) && one.is_latest() == Some(true)))
}

/// Uploads all files of a model, and then the mark.
pub(super) async fn put(upload: &Upload, bucket: &str, run: &Run<'_>) -> Result<(), CallError> {
    let object = |key: String, content: &[u8]| Object {
        bucket: bucket.to_owned(),
        owner: run.shared.account.to_owned(),
        key,
        content: Arc::new(content.to_vec()),
    };
    let count = upload.folder.files.len();
    for (index, (path, file)) in upload.folder.files.iter().enumerate() {
        (run.say)(&format!(
            "uploading the model, file {} of {count}",
            index + 1
        ));
        let key = format!("{}/{path}", upload.key);
        run.cloud.put_object(object(key, &file.content)).await?;
    }
    run.cloud
        .put_object(object(mark(upload), b""))
        .await
        .map(drop)
}
