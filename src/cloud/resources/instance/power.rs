//! Starting and stopping the server, and waiting until it did.

use std::time::Duration;

use aws_sdk_ec2::operation::start_instances::StartInstancesInput;
use aws_sdk_ec2::operation::stop_instances::StopInstancesInput;
use aws_sdk_ec2::types::Instance as Ec2Instance;

use crate::cloud::resource::Power;
use crate::cloud::resources::context::StepError;
use crate::cloud::resources::run::Run;

use super::read::{describe, power};

const UP: Duration = Duration::from_secs(600);
const DOWN: Duration = Duration::from_secs(900);

/// Waits until the server runs.
///
/// # Errors
/// [`StepError::Blocked`] with EC2's own reason where it does not come up.
pub async fn up(id: &str, run: &Run<'_>) -> Result<Ec2Instance, StepError> {
    run.wait("the server to run", UP, async || {
        let Some(instance) = describe(run.cloud, id).await? else {
            return Ok(None);
        };
        let reason = instance.state_reason();
        let is_servers_fault = reason
            .and_then(|reason| reason.code())
            .is_some_and(|code| code.starts_with("Server."));
        match power(&instance) {
            Some(Power::Running) => Ok(Some(instance)),
            Some(Power::Pending | Power::Stopping) => Ok(None),
            Some(Power::Stopped) if !is_servers_fault => Ok(None),
            Some(Power::Stopped) | None => {
                let message = reason.and_then(|reason| reason.message());
                let message = message.unwrap_or("EC2 gives no reason");
                Err(StepError::blocked(
                    format!("the server `{id}` did not come up: {message}"),
                    "run the same command again; if it stays so, look at its state in EC2's console",
                ))
            }
        }
    })
    .await
}

/// Waits until the server is stopped.
pub async fn down(id: &str, run: &Run<'_>) -> Result<(), StepError> {
    run.wait("the server to stop", DOWN, async || {
        let instance = describe(run.cloud, id).await?;
        let state = instance.as_ref().and_then(power);
        Ok((state == Some(Power::Stopped)).then_some(()))
    })
    .await
}

/// Asks EC2 to start the server; does not wait.
pub async fn start(id: &str, run: &Run<'_>) -> Result<(), StepError> {
    // Seen just after the type was changed; it passes.
    let passing = |error: &crate::cloud::api::CallError| {
        error
            .failure
            .to_string()
            .contains("LaunchPlan instance type does not match")
    };
    run.retry_if("EC2 to take the new type in", passing, async || {
        let input = StartInstancesInput::builder().instance_ids(id);
        run.cloud.start_instances(input).await.map(drop)
    })
    .await
}

/// Asks EC2 to stop the server; does not wait.
pub async fn stop(id: &str, run: &Run<'_>) -> Result<(), StepError> {
    let input = StopInstancesInput::builder().instance_ids(id);
    run.cloud.stop_instances(input).await?;
    Ok(())
}
