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
                let code = reason.and_then(|reason| reason.code());
                let message = reason.and_then(|reason| reason.message());
                Err(not_up(id, code.unwrap_or_default(), message))
            }
        }
    })
    .await
}

/// Says why a server did not come up, by the code of its state's reason (EC2 API Reference, "StateReason"; EC2 User
/// Guide, "Instance terminates immediately").
fn not_up(id: &str, code: &str, message: Option<&str>) -> StepError {
    let message = message.unwrap_or("EC2 gives no reason");
    let (why, help) = match code {
        // EC2 says no more of it; it is told when the disk's key may not be used.
        "Client.InternalError" | "Client.InvalidKMSKey.InvalidState" => (
            "its disk could not be encrypted with the account's default key for EBS",
            "allow these credentials `kms:CreateGrant`, `kms:Decrypt`, `kms:DescribeKey`, `kms:GenerateDataKeyWithoutPlaintext` and `kms:ReEncrypt*` in the key's policy, or choose `aws/ebs` as the default key (EC2 console, \"Data protection and security\")",
        ),
        "Client.VolumeLimitExceeded" => (
            "the account has reached its limit of disks in this region",
            "delete volumes that are not needed, or ask for more under Service Quotas, Amazon EBS",
        ),
        "Server.InsufficientInstanceCapacity" => (
            "AWS has no server of this type left in this zone at the moment",
            "run the same command again later, or write another `instance_type` in the plan",
        ),
        _ => (
            message,
            "run the same command again; if it stays so, look at its state in EC2's console",
        ),
    };
    let words = match why == message {
        true => String::new(),
        false => format!(" ({message})"),
    };
    StepError::blocked(
        format!("the server `{id}` did not come up: {why}{words}"),
        help,
    )
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_disks_key_is_named_where_ec2_only_speaks_of_itself() {
        let message = "Client.InternalError: Client error on launch";
        let StepError::Blocked { what, help } =
            not_up("i-1", "Client.InternalError", Some(message))
        else {
            panic!("not told")
        };
        assert!(
            what.contains("encrypted") && what.contains(message),
            "{what}"
        );
        assert!(help.contains("kms:CreateGrant"), "{help}");
        let other = not_up(
            "i-1",
            "Server.InternalError",
            Some("Server.InternalError: x"),
        );
        assert_eq!(
            other.to_string(),
            "the server `i-1` did not come up: Server.InternalError: x"
        );
    }
}
