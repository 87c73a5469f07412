//! The model in the bucket: uploaded from the laptop, below a key that stands for its content.

use std::sync::Arc;

use aws_sdk_s3::operation::list_object_versions::ListObjectVersionsInput;

use crate::cloud::api::{CallError, Object, Read};
use crate::plan::local_folder::LocalFolder;
use crate::cloud::resources::run::Run;

/// Is put last, so that it says: all of it is there.
const COMPLETE: &str = ".labctl-complete";

/// A model to upload, or one that was.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Upload {
    /// The key below which its files are.
    pub key: String,
    /// The files.
    pub folder: Arc<LocalFolder>,
}

impl Upload {
    fn mark(&self) -> String {
        format!("{}/{COMPLETE}", self.key)
    }

    /// Says whether it is there as a whole, in a bucket of the account `owner`.
    pub async fn is_there(
        &self,
        cloud: &dyn Read,
        bucket: &str,
        owner: &str,
    ) -> Result<bool, CallError> {
        let mark = self.mark();
        let input = ListObjectVersionsInput::builder().bucket(bucket).expected_bucket_owner(owner);
        let page = cloud.list_object_versions(input.prefix(&mark).max_keys(2)).await?;
        let mut versions = page.versions().iter();
        Ok(versions.any(|one| one.key() == Some(&mark) && one.is_latest() == Some(true)))
    }

    /// Uploads all files, and then the mark.
    pub async fn put(&self, bucket: &str, run: &Run<'_>) -> Result<(), CallError> {
        let object = |key: String, content: &[u8]| Object {
            bucket: bucket.to_owned(),
            owner: run.shared.account.to_owned(),
            key,
            content: Arc::new(content.to_vec()),
        };
        let count = self.folder.files.len();
        for (index, (path, file)) in self.folder.files.iter().enumerate() {
            (run.say)(&format!("uploading the model, file {} of {count}", index + 1));
            let key = format!("{}/{path}", self.key);
            run.cloud.put_object(object(key, &file.content)).await?;
        }
        run.cloud.put_object(object(self.mark(), b"")).await.map(drop)
    }
}
