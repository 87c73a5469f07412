//! What a step is given to write with: the cloud, what exists by now, and ways
//! to wait for what takes its time.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::time::Duration;

use tokio::time::Instant;

use crate::cloud::api::{CallError, Cloud};
use crate::cloud::resource::{Address, Reference};
use crate::support::backoff::Backoff;

use super::context::{Handle, Lookups, Scope, StepError};

/// What all steps of one apply share.
pub struct Shared<'a> {
    /// The cloud.
    pub cloud: &'a dyn Cloud,
    /// The lab.
    pub scope: &'a Scope,
    /// The account's id.
    pub account: &'a str,
    /// What was looked up beforehand.
    pub lookups: &'a Lookups,
    /// Whether a bucket's content may be deleted with it.
    pub empty_bucket: bool,
    /// How many servers the lab has had; see the launch's client token.
    pub instance_generation: u32,
    /// When all waiting ends, whatever is waited for.
    pub deadline: Option<Instant>,
    /// What exists by now, by its address.
    pub handles: RefCell<BTreeMap<Address, Handle>>,
}

impl<'a> Shared<'a> {
    /// Makes what a single action outside of an apply needs.
    pub fn new(
        cloud: &'a dyn Cloud,
        scope: &'a Scope,
        account: &'a str,
        lookups: &'a Lookups,
    ) -> Self {
        Self {
            cloud,
            scope,
            account,
            lookups,
            empty_bucket: false,
            instance_generation: 0,
            deadline: None,
            handles: RefCell::default(),
        }
    }

    /// Whether all waiting has ended.
    pub fn is_late(&self) -> bool {
        self.deadline
            .is_some_and(|deadline| Instant::now() >= deadline)
    }
}

/// What one step has to work with.
pub struct Run<'a> {
    /// The cloud.
    pub cloud: &'a dyn Cloud,
    /// The lab.
    pub scope: &'a Scope,
    /// What all steps share.
    pub shared: &'a Shared<'a>,
    /// The resource that the step is about.
    pub address: &'a Address,
    /// Tells what the step is doing, in a few words.
    pub say: &'a dyn Fn(&str),
}

/// How long a new thing may take to be seen everywhere in AWS.
const PROPAGATION: Duration = Duration::from_secs(180);
/// How long to look for something that may have been made a moment ago, or may
/// not be there at all.
pub const SIGHT: Duration = Duration::from_secs(30);
/// How long to look for what a call may have made that got no answer: long
/// enough for EC2 to list it by its tags, most of the time. What is seen later
/// is a duplicate, and the next run deletes it.
const OWN_SIGHT: Duration = Duration::from_secs(10);
/// How often to ask for something anew that was not made.
const TRIES: u32 = 4;

impl<'a> Run<'a> {
    /// Makes a run of one step.
    pub const fn new(shared: &'a Shared<'a>, address: &'a Address, say: &'a dyn Fn(&str)) -> Self {
        Self {
            cloud: shared.cloud,
            scope: shared.scope,
            shared,
            address,
            say,
        }
    }

    /// The AWS id of what a resource refers to.
    pub fn id(&self, reference: &Reference) -> Result<String, StepError> {
        match reference {
            Reference::Id(id) => Ok(id.clone()),
            Reference::To(address) => self.handle(address).map(|handle| handle.id),
        }
    }

    /// The handle of another resource of the lab.
    pub fn handle(&self, address: &Address) -> Result<Handle, StepError> {
        let handles = self.shared.handles.borrow();
        handles.get(address).cloned().ok_or_else(|| {
            StepError::blocked(
                format!("`{address}`, to which it refers, does not exist"),
                "run the same command again: it looks at what there is",
            )
        })
    }

    /// Looks until `look` finds something: at once, then with growing pauses.
    ///
    /// # Errors
    /// What `look` fails with, or [`StepError::TimedOut`] after `deadline`.
    pub async fn wait<T>(
        &self,
        awaited: &str,
        deadline: Duration,
        mut look: impl AsyncFnMut() -> Result<Option<T>, StepError>,
    ) -> Result<T, StepError> {
        let start = Instant::now();
        let mut backoff = Backoff::default();
        loop {
            if let Some(found) = look().await? {
                return Ok(found);
            }
            let waited = start.elapsed();
            if waited >= deadline || self.shared.is_late() {
                return Err(StepError::TimedOut {
                    awaited: awaited.to_owned(),
                    waited,
                });
            }
            (self.say)(&format!("waiting for {awaited}"));
            backoff.pause().await;
        }
    }

    /// Looks for what another run of the same lab has just made: the call to
    /// make it was told that there is one already.
    ///
    /// # Errors
    /// [`StepError::Blocked`] where none of the lab's comes into sight: then it
    /// is somebody else's.
    pub async fn made_meanwhile<T>(
        &self,
        what: &str,
        mut look: impl AsyncFnMut() -> Result<Option<T>, CallError>,
    ) -> Result<T, StepError> {
        let awaited = format!("{what} to be seen");
        match self.wait(&awaited, SIGHT, async || Ok(look().await?)).await {
            Err(StepError::TimedOut { .. }) => Err(StepError::blocked(
                format!("{what} that is not this lab's has just been made"),
                "run `labctl plan`",
            )),
            other => other,
        }
    }

    /// Creates what AWS makes a second time when it is asked a second time. Looks
    /// first whether another run has made it since the plan; and where it stays
    /// open whether the call had its effect, looks for that.
    ///
    /// # Errors
    /// What `create` or `look` fails with.
    pub async fn once<T>(
        &self,
        what: &str,
        mut look: impl AsyncFnMut() -> Result<Option<T>, CallError>,
        create: impl AsyncFnMut() -> Result<T, StepError>,
    ) -> Result<T, StepError> {
        match look().await? {
            Some(found) => Ok(found),
            None => self.unless_made(what, look, create).await,
        }
    }

    /// Creates something, and where it stays open whether the call had its effect,
    /// looks for that before it calls again.
    ///
    /// # Errors
    /// What `create` or `look` fails with.
    pub async fn unless_made<T>(
        &self,
        what: &str,
        mut look: impl AsyncFnMut() -> Result<Option<T>, CallError>,
        mut create: impl AsyncFnMut() -> Result<T, StepError>,
    ) -> Result<T, StepError> {
        let awaited = format!("{what} that may have been made without an answer");
        for _ in 1..TRIES {
            match create().await {
                Err(StepError::Call(error)) if error.is_unclear() => {
                    match self
                        .wait(&awaited, OWN_SIGHT, async || Ok(look().await?))
                        .await
                    {
                        Err(StepError::TimedOut { .. }) => {}
                        seen => return seen,
                    }
                }
                result => return result,
            }
        }
        create().await
    }

    /// Calls again while AWS answers with one of `codes`, because something
    /// that was just made is not known everywhere yet.
    pub async fn settled<T>(
        &self,
        awaited: &str,
        codes: &[&str],
        mut call: impl AsyncFnMut() -> Result<T, CallError>,
    ) -> Result<T, StepError> {
        self.retry_if(
            awaited,
            |error| codes.contains(&error.code()),
            async || call().await,
        )
        .await
    }

    /// Calls again while `is_passing` says that the error will pass.
    pub async fn retry_if<T>(
        &self,
        awaited: &str,
        is_passing: impl Fn(&CallError) -> bool,
        mut call: impl AsyncFnMut() -> Result<T, CallError>,
    ) -> Result<T, StepError> {
        self.retry_for(PROPAGATION, awaited, is_passing, async || call().await)
            .await
    }

    /// As [`Run::retry_if`], with a deadline of the caller's.
    pub async fn retry_for<T>(
        &self,
        deadline: Duration,
        awaited: &str,
        is_passing: impl Fn(&CallError) -> bool,
        mut call: impl AsyncFnMut() -> Result<T, CallError>,
    ) -> Result<T, StepError> {
        let start = Instant::now();
        let mut backoff = Backoff::default();
        loop {
            match call().await {
                Ok(value) => return Ok(value),
                Err(error)
                    if is_passing(&error)
                        && start.elapsed() < deadline
                        && !self.shared.is_late() =>
                {
                    (self.say)(&format!("waiting for {awaited}"));
                    backoff.pause().await;
                }
                Err(error) => return Err(error.into()),
            }
        }
    }
}

/// Takes a delete's answer: what is gone already (`codes`) is no error.
pub fn gone_is_fine<T>(result: Result<T, CallError>, codes: &[&str]) -> Result<(), CallError> {
    match result {
        Ok(_) => Ok(()),
        Err(error) if codes.contains(&error.code()) => Ok(()),
        Err(error) => Err(error),
    }
}
