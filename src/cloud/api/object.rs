//! An object to put into a bucket.

use std::sync::Arc;

use aws_sdk_s3 as s3;
use s3::operation::put_object::builders::PutObjectInputBuilder;
use s3::primitives::ByteStream;

/// An object to put. The SDK's own builder holds a stream, which cannot be sent a second time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Object {
    /// The bucket's name.
    pub bucket: String,
    /// The account that the bucket must belong to.
    pub owner: String,
    /// The key.
    pub key: String,
    /// The content.
    pub content: Arc<Vec<u8>>,
}

impl Object {
    /// Puts it in the SDK's words.
    pub fn input(&self) -> PutObjectInputBuilder {
        s3::operation::put_object::PutObjectInput::builder()
            .bucket(&self.bucket)
            .expected_bucket_owner(&self.owner)
            .key(&self.key)
            .body(ByteStream::from(self.content.as_ref().clone()))
    }
}
