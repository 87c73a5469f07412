//! The bucket's settings, each put by a call of its own.

use aws_sdk_s3::operation::put_bucket_encryption::PutBucketEncryptionInput;
use aws_sdk_s3::operation::put_bucket_versioning::PutBucketVersioningInput;
use aws_sdk_s3::operation::put_public_access_block::PutPublicAccessBlockInput;
use aws_sdk_s3::types::{
    BucketVersioningStatus, PublicAccessBlockConfiguration, ServerSideEncryption,
    ServerSideEncryptionByDefault, ServerSideEncryptionConfiguration, ServerSideEncryptionRule,
    VersioningConfiguration,
};

use crate::cloud::api::CallError;
use crate::cloud::resources::run::Run;

use super::Bucket;

impl Bucket {
    pub(super) async fn put_versioning(&self, run: &Run<'_>) -> Result<(), CallError> {
        let status = if self.versioning {
            BucketVersioningStatus::Enabled
        } else {
            BucketVersioningStatus::Suspended
        };
        let configuration = VersioningConfiguration::builder().status(status).build();
        let input = PutBucketVersioningInput::builder()
            .bucket(&self.name)
            .expected_bucket_owner(run.shared.account)
            .versioning_configuration(configuration);
        run.cloud.put_bucket_versioning(input).await.map(drop)
    }

    pub(super) async fn put_encryption(&self, run: &Run<'_>) -> Result<(), CallError> {
        let default = ServerSideEncryptionByDefault::builder()
            .sse_algorithm(ServerSideEncryption::Aes256)
            .build()
            .ok();
        let rule = ServerSideEncryptionRule::builder()
            .set_apply_server_side_encryption_by_default(default)
            .build();
        let configuration = ServerSideEncryptionConfiguration::builder()
            .rules(rule)
            .build()
            .ok();
        let input = PutBucketEncryptionInput::builder()
            .bucket(&self.name)
            .expected_bucket_owner(run.shared.account)
            .set_server_side_encryption_configuration(configuration);
        run.cloud.put_bucket_encryption(input).await.map(drop)
    }

    pub(super) async fn put_access_block(&self, run: &Run<'_>) -> Result<(), CallError> {
        let all = PublicAccessBlockConfiguration::builder()
            .block_public_acls(true)
            .block_public_policy(true)
            .ignore_public_acls(true)
            .restrict_public_buckets(true)
            .build();
        let input = PutPublicAccessBlockInput::builder()
            .bucket(&self.name)
            .expected_bucket_owner(run.shared.account)
            .public_access_block_configuration(all);
        run.cloud.put_public_access_block(input).await.map(drop)
    }
}
