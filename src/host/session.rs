//! Talks with a host: reads its facts, and applies what the diff says.
//!
//! An apply is detached from the connection. Whoever loses sight of it, by a
//! dropped link or a closed laptop, finds it again by its name.

use std::time::Duration;

use futures_util::future::LocalBoxFuture;
use tokio::time::{Instant, sleep};

use crate::doctor::Seen;

use super::desired::DesiredHost;
use super::diff::HostDiff;
use super::facts::Facts;
use super::password::Password;
use super::programs::Program;
use super::protocol::{
    self, COMMAND, DoctorRequest, FollowRequest, HostEvent, PasswordAnswer, PasswordRequest,
    ProbeRequest, Verdict,
};
use super::request::ApplyRequest;
use super::ssh::{Finished, Shell, SshError};

mod error;

pub use error::HostError;

/// How long labctl looks for an apply that it has lost sight of. A server that
/// restarts meanwhile is back by then.
const SEARCH: Duration = Duration::from_secs(300);
const BETWEEN_TRIES: Duration = Duration::from_secs(2);
/// What a shell says when it finds no such program (POSIX, "Exit Status for Commands").
const NOT_FOUND: i32 = 127;

/// A way to open a connection, as often as it takes.
pub trait Reach {
    /// Opens one.
    fn connect(&self) -> LocalBoxFuture<'_, Result<Box<dyn Shell>, HostError>>;
}

/// Listens to an apply.
pub type Listener<'a> = &'a dyn Fn(&HostEvent);

/// Reads the facts: one command, one answer.
///
/// # Errors
///
/// See [`HostError`].
pub async fn probe(shell: &dyn Shell, desired: &DesiredHost) -> Result<Facts, HostError> {
    let nonce = nonce();
    let input = ProbeRequest::new(&nonce, desired).input()?;
    let mut answer = None;
    let finished = shell
        .run(COMMAND, input, &mut |line| {
            if let Some(line) = protocol::ours(line, &nonce) {
                answer = Some(line.to_vec());
            }
        })
        .await?;
    match answer {
        Some(answer) => Ok(protocol::facts(&answer)?),
        None => Err(unanswered(&finished)),
    }
}

/// Why there was no answer.
fn unanswered(finished: &Finished) -> HostError {
    let stderr = finished.stderr.trim();
    // A login shell may say something too, and sudo complains of a host without a name and goes on.
    let is_refusal = |line: &&str| {
        line.contains("not in the sudoers")
            || (line.starts_with("sudo:") && !line.contains("unable to resolve host"))
    };
    if let Some(refusal) = stderr.lines().rfind(is_refusal) {
        return match refusal.contains("python3: command not found") {
            true => HostError::NoPython,
            false => HostError::NoSudo(refusal.trim().to_owned()),
        };
    }
    if finished.status == NOT_FOUND && stderr.contains("sudo") {
        return HostError::NoSudo("there is no `sudo`".to_owned());
    }
    let lines: Vec<_> = stderr.lines().collect();
    HostError::Broke {
        status: finished.status,
        stderr: lines[lines.len().saturating_sub(3)..].join(" | "),
    }
}

/// What looking at a host gave.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Examined {
    /// What was seen, in order.
    pub seen: Vec<Seen>,
    /// The facts, to compare with a desired host.
    pub facts: Option<Facts>,
    /// When this laptop's clock was half-way between asking for the host's and hearing it, in seconds since 1970.
    pub now: f64,
}

/// Looks at the host and tries the gates of its last apply, by one command; nothing is changed. The facts come along
/// where there is a desired host to compare them with; its gates are for a host whose last apply recorded none.
///
/// # Errors
///
/// See [`HostError`]; what is wrong on the host is none.
pub async fn examine(
    shell: &dyn Shell,
    desired: Option<&DesiredHost>,
    deep: bool,
) -> Result<Examined, HostError> {
    let nonce = nonce();
    let request = DoctorRequest::new(&nonce, desired, deep);
    let input = protocol::input(Program::Doctor, &request, &[])?;
    let began = unix_time();
    let mut first = None;
    let mut examined = Examined::default();
    let finished = shell
        .run(COMMAND, input, &mut |line| {
            let ours = protocol::ours(line, &nonce);
            first = first.or_else(|| ours.map(|_| unix_time()));
            let Some(line) = ours else {
                return;
            };
            match serde_json::from_slice(line) {
                Ok(seen) => examined.seen.push(seen),
                Err(_) => examined.facts = examined.facts.take().or(protocol::told_facts(line)),
            }
        })
        .await?;
    let first = first.ok_or_else(|| unanswered(&finished))?;
    examined.now = f64::midpoint(began, first);
    Ok(examined)
}

fn unix_time() -> f64 {
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    now.map_or(0.0, |since| since.as_secs_f64())
}

/// Sets a user's password.
///
/// # Errors
///
/// See [`HostError`].
pub async fn set_password(
    shell: &dyn Shell,
    user: &str,
    password: &Password,
) -> Result<(), HostError> {
    let nonce = nonce();
    let request = PasswordRequest {
        nonce: &nonce,
        user,
    };
    let input = protocol::input(Program::Password, &request, password.reveal().as_bytes())?;
    let mut answer = None;
    let finished = shell
        .run(COMMAND, input, &mut |line| {
            let ours = protocol::ours(line, &nonce);
            answer = answer
                .take()
                .or_else(|| serde_json::from_slice::<PasswordAnswer>(ours?).ok());
        })
        .await?;
    match answer {
        None => Err(unanswered(&finished)),
        Some(PasswordAnswer { error: None }) => Ok(()),
        Some(PasswordAnswer { error: Some(error) }) => Err(HostError::Password(error)),
    }
}

/// Applies the changes and waits for the verdict.
///
/// # Errors
///
/// See [`HostError`]; a verdict that something failed is no error here.
pub async fn apply(
    shell: &dyn Shell,
    reach: &dyn Reach,
    desired: &DesiredHost,
    diff: &HostDiff,
    listener: Listener<'_>,
) -> Result<Verdict, HostError> {
    let run = run_name();
    let nonce = nonce();
    let request = ApplyRequest::new(&nonce, &run, desired, diff);
    let archive = request.archive(desired)?;
    let input = protocol::input(Program::Push, &request, &archive)?;
    let push = Push { nonce, input };
    Watch::new(run, Some(push), listener)
        .until_verdict(shell, reach)
        .await
}

/// Follows an apply that is running, and waits for its verdict.
///
/// # Errors
///
/// See [`HostError`].
pub async fn follow(
    shell: &dyn Shell,
    reach: &dyn Reach,
    run: &str,
    listener: Listener<'_>,
) -> Result<Verdict, HostError> {
    Watch::new(run.to_owned(), None, listener)
        .until_verdict(shell, reach)
        .await
}

/// Watches one apply through as many connections as it takes.
struct Watch<'a> {
    run: String,
    push: Option<Push>,
    listener: Listener<'a>,
    /// How many events were told; a new connection hears all of them again.
    told: usize,
}

/// What starts an apply. A server that has taken it once does not take it again.
struct Push {
    nonce: String,
    input: Vec<u8>,
}

impl<'a> Watch<'a> {
    const fn new(run: String, push: Option<Push>, listener: Listener<'a>) -> Self {
        Self {
            run,
            push,
            listener,
            told: 0,
        }
    }

    /// Runs a program that tells the events; none if the connection was lost.
    async fn hear(
        &mut self,
        shell: &dyn Shell,
        input: Vec<u8>,
        nonce: &str,
    ) -> Result<Option<Verdict>, HostError> {
        let mut heard = 0;
        let mut end = None;
        let finished = shell
            .run(COMMAND, input, &mut |line| {
                let Some(line) = protocol::ours(line, nonce) else {
                    return;
                };
                let event = protocol::event(line);
                if event == HostEvent::Beat {
                    return;
                }
                heard += 1;
                if heard > self.told {
                    (self.listener)(&event);
                    self.told = heard;
                }
                match event {
                    HostEvent::Verdict(verdict) => end = Some(Ok(verdict)),
                    HostEvent::Refused { running } => end = Some(Err(HostError::Busy(running))),
                    _ => {}
                }
            })
            .await;
        match (end, finished) {
            (Some(end), _) => end.map(Some),
            (None, Ok(finished)) if finished.status != 0 && heard == 0 => {
                Err(unanswered(&finished))
            }
            (None, _) => Ok(None),
        }
    }

    /// Starts the apply, unless it was heard of already; then follows it.
    async fn look(&mut self, shell: &dyn Shell) -> Result<Option<Verdict>, HostError> {
        // A link that broke within the push may have left nothing on the server to follow.
        if let Some(Push { nonce, input }) = self.push.as_ref().filter(|_| self.told == 0) {
            let (nonce, input) = (nonce.clone(), input.clone());
            return self.hear(shell, input, &nonce).await;
        }
        let nonce = nonce();
        let request = FollowRequest {
            nonce: &nonce,
            run: &self.run,
        };
        let input = protocol::input(Program::Follow, &request, &[])?;
        self.hear(shell, input, &nonce).await
    }

    /// Looks for the apply on new connections until there is a verdict.
    async fn until_verdict(
        &mut self,
        shell: &dyn Shell,
        reach: &dyn Reach,
    ) -> Result<Verdict, HostError> {
        let mut found = self.look(shell).await?;
        let mut deadline = Instant::now() + SEARCH;
        if found.is_none() {
            self.tell_lost();
        }
        loop {
            if let Some(verdict) = found {
                return Ok(verdict);
            }
            found = match reach.connect().await {
                Ok(shell) => {
                    deadline = Instant::now() + SEARCH;
                    self.look(shell.as_ref()).await?
                }
                Err(
                    HostError::Ssh(SshError::Unreachable { .. } | SshError::Denied { .. })
                    | HostError::NoWay { .. },
                ) if Instant::now() < deadline => None,
                Err(error) => return Err(HostError::OutOfSight(error.to_string())),
            };
            if found.is_none() {
                sleep(BETWEEN_TRIES).await;
            }
        }
    }

    /// Says why nothing is heard for a while.
    fn tell_lost(&self) {
        let help = (self.told > 0).then(|| "the apply goes on there by itself".to_owned());
        (self.listener)(&HostEvent::Warning {
            text: "the connection to the server was lost; looking for it again".to_owned(),
            help,
        });
    }
}

/// A word that nobody on the host can know beforehand.
fn nonce() -> String {
    format!("labctl-{:032x}", fastrand::u128(..))
}

/// The name of an apply: the time, and something that two at once do not share.
fn run_name() -> String {
    let seconds = std::time::SystemTime::now()
        .duration_since(std::time::UNIX_EPOCH)
        .map_or(0, |since| since.as_secs());
    format!("{seconds}-{:08x}", fastrand::u32(..))
}
