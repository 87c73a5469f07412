//! What the four kinds of a dedicated network have in common.

use std::time::Duration;

use crate::cloud::api::CallError;

use super::context::{Handle, StepError, required};
use super::reader::Reader;
use super::run::{Run, gone_is_fine};

/// The range of addresses of a dedicated network.
pub const VPC_CIDR: &str = "10.0.0.0/16";
/// The range of addresses of its subnet.
pub const SUBNET_CIDR: &str = "10.0.0.0/24";

const DELETION: Duration = Duration::from_secs(300);

/// Whether to look for a kind: the plan has a network, or one was left behind.
pub async fn is_wanted(reader: &Reader<'_>, arn_type: &str) -> Result<bool, CallError> {
    if reader.scope.dedicated_network {
        return Ok(true);
    }
    Ok(!reader.tagged_of_type(arn_type).await?.is_empty())
}

/// Makes a handle of the id in a creating call's answer.
pub fn created(id: Option<String>, operation: &'static str) -> Result<Handle, StepError> {
    required(id, operation, "id").map(Handle::of)
}

/// Deletes once nothing depends on it any more; what is gone is no error.
pub async fn delete(
    run: &Run<'_>,
    awaited: &str,
    gone: &str,
    mut call: impl AsyncFnMut() -> Result<(), CallError>,
) -> Result<(), StepError> {
    run.retry_for(
        DELETION,
        awaited,
        |error| error.code() == "DependencyViolation",
        async || gone_is_fine(call().await, &[gone]),
    )
    .await
}
