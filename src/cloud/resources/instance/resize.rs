//! Changing the server's type: a guarded change, with a note on the server.
//!
//! The type can be changed only while the server is stopped. So before it is
//! stopped, a tag notes what is being done; whoever finds the tag knows that
//! the server is not stopped on purpose, and brings the change to its end.
//! When the new type does not start, the old one is put back and started.

use std::collections::BTreeMap;

use aws_sdk_ec2::operation::modify_instance_attribute::ModifyInstanceAttributeInput;
use aws_sdk_ec2::types::AttributeValue;

use crate::cloud::api::CallFailure;
use crate::cloud::resource::{Live, Power};
use crate::cloud::resources::context::StepError;
use crate::cloud::resources::ec2_tags;
use crate::cloud::resources::run::Run;
use crate::cloud::resources::tags::TRANSACTION_TAG;

use super::{Instance, power};

fn note(old: &str, new: &str) -> String {
    format!("resize {old}→{new}")
}

/// The type of before, from the note of a change that was cut off.
fn noted_type(note: &str) -> Option<&str> {
    let (old, _) = note.strip_prefix("resize ")?.split_once('→')?;
    Some(old)
}

/// Brings the server to the desired type, and up again if it was up.
pub async fn resize(
    live: &Live<Instance>,
    before: &Instance,
    desired: &Instance,
    run: &Run<'_>,
) -> Result<(), StepError> {
    let new = &desired.instance_type;
    let power = live.observed.power;
    if power.is_some_and(Power::is_down) && before.transaction.is_none() {
        (run.say)("the server is stopped and stays so");
        return set_type_once_stopped(&live.id, new, run).await;
    }
    let noted = before.transaction.as_deref().and_then(noted_type);
    let old = noted.unwrap_or(&before.instance_type);
    if before.transaction.is_none() {
        let tags = BTreeMap::from([(TRANSACTION_TAG.to_owned(), note(old, new))]);
        ec2_tags::set(run.cloud, &[&live.id], &tags).await?;
    }
    match power {
        Some(Power::Stopped) => {}
        Some(Power::Stopping) => power::down(&live.id, run).await?,
        _ if before.instance_type == *new => {}
        power => {
            if power == Some(Power::Pending) {
                power::up(&live.id, run).await?;
            }
            (run.say)("stopping");
            power::stop(&live.id, run).await?;
        }
    }
    match change(&live.id, before, new, run).await {
        Ok(()) => end(&live.id, run).await,
        // Not known what came of it: the note stays, and the next run goes on.
        Err(error) if old == new || !is_refusal(&error) => Err(error),
        Err(cause) => Err(put_back(&live.id, old, new, &cause, run).await?),
    }
}

/// Takes the note off: the server is as somebody wants it, and up.
async fn end(id: &str, run: &Run<'_>) -> Result<(), StepError> {
    let keys = [TRANSACTION_TAG.to_owned()];
    Ok(ec2_tags::remove(run.cloud, &[id], &keys).await?)
}

/// Whether AWS said no, as against: did not say anything in time, or had trouble
/// of its own, so that the server may be starting all the same.
fn is_refusal(error: &StepError) -> bool {
    match error {
        StepError::Call(error) => {
            matches!(error.failure, CallFailure::Service { .. }) && !error.is_unclear()
        }
        StepError::Blocked { .. } => true,
        StepError::TimedOut { .. } | StepError::Incomplete { .. } | StepError::LostRace => false,
    }
}

async fn change(id: &str, before: &Instance, new: &str, run: &Run<'_>) -> Result<(), StepError> {
    if before.instance_type != new {
        set_type_once_stopped(id, new, run).await?;
    }
    (run.say)("starting");
    power::start(id, run).await?;
    power::up(id, run).await.map(drop)
}

/// The change itself is the first look at whether the server has stopped.
async fn set_type_once_stopped(id: &str, new: &str, run: &Run<'_>) -> Result<(), StepError> {
    match set_type(id, new, run).await {
        Err(error) if error.code() == "IncorrectInstanceState" => {
            power::down(id, run).await?;
            set_type(id, new, run).await
        }
        other => other,
    }
}

async fn set_type(id: &str, new: &str, run: &Run<'_>) -> Result<(), StepError> {
    let input = ModifyInstanceAttributeInput::builder()
        .instance_id(id)
        .instance_type(AttributeValue::builder().value(new).build());
    run.cloud.modify_instance_attribute(input).await?;
    Ok(())
}

/// Puts the old type back and starts it; gives the error to end with. The note
/// stays where that fails too.
async fn put_back(
    id: &str,
    old: &str,
    new: &str,
    cause: &StepError,
    run: &Run<'_>,
) -> Result<StepError, StepError> {
    (run.say)(&format!("putting {old} back"));
    let back = async {
        set_type_once_stopped(id, old, run).await?;
        power::start(id, run).await?;
        power::up(id, run).await
    };
    if let Err(error) = back.await {
        return Ok(StepError::blocked(
            format!(
                "the server did not start as `{new}` ({cause}), nor again as `{old}` ({error}); its \
                 disk is safe"
            ),
            "`labctl apply` tries again",
        ));
    }
    end(id, run).await?;
    Ok(StepError::blocked(
        format!(
            "the server did not start as `{new}` ({cause}); it runs as `{old}` again, with its \
             address and its disk as they were"
        ),
        "try again later, or write another `instance_type`",
    ))
}
