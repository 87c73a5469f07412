//! Opening a connection: reach the server, judge its key, log in; again while it boots.

use futures_util::FutureExt;
use futures_util::future::LocalBoxFuture;

use super::deadlines::{Deadlines, Watch};
use super::error::{DialError, LinkError, SshError};
use super::host_key::preference;
use super::identity::{EnterError, Identity, Login};
use super::lines::Lines;
use super::link::Link;
use super::orders::{Dial, Finished, LoginError};
use super::trust::{HowTrusted, Judge, Trust, Verdict};
use super::{HostKey, Target};

/// A command's way to a host; the simulated host of tests is one too.
pub trait Shell {
    /// Runs a command, gives it `stdin`, and hands over each line that it prints, as it comes.
    ///
    /// Dropping the future drops the link, but may leave the command running.
    fn run<'a>(
        &'a self,
        command: &'a str,
        stdin: Vec<u8>,
        on_line: &'a mut (dyn FnMut(&[u8]) + 'a),
    ) -> LocalBoxFuture<'a, Result<Finished, LinkError>>;
}

/// An open connection; dropping it closes it.
#[derive(Debug)]
pub struct Connection {
    link: Link,
}

/// A connection and what there is to say about the host.
#[derive(Debug)]
pub struct Opened {
    /// The connection, logged in.
    pub connection: Connection,
    /// Why the host's key is trusted.
    pub trusted: HowTrusted,
}

/// Why one try failed.
enum Failed {
    Dial(DialError),
    Denied,
    Hard(SshError),
}

impl From<DialError> for Failed {
    fn from(error: DialError) -> Self {
        Self::Dial(error)
    }
}

impl From<SshError> for Failed {
    fn from(error: SshError) -> Self {
        Self::Hard(error)
    }
}

impl From<EnterError> for Failed {
    fn from(error: EnterError) -> Self {
        match error {
            EnterError::Again(LoginError::Lost(error)) => Self::Dial(error),
            EnterError::Again(_) => Self::Denied,
            EnterError::Never(error) => Self::Hard(error),
        }
    }
}

impl Connection {
    /// Connects and logs in, and tries again while the server boots.
    ///
    /// # Errors
    ///
    /// Says what was tried, and by [`Hint`](crate::support::hint::Hint) what to do.
    pub async fn open(
        target: &Target,
        identity: &Identity<'_>,
        trust: &Trust<'_>,
        deadlines: Deadlines,
    ) -> Result<Opened, SshError> {
        let mut opening = Opening {
            target,
            login: Login::find(identity).await?,
            judge: Judge::new(trust, target, deadlines.console).await?,
            watch: Watch::new(deadlines),
            deadlines,
        };
        loop {
            opening.watch.tries += 1;
            let failed = match opening.attempt().await {
                Ok(opened) => return Ok(opened),
                Err(failed) => failed,
            };
            opening
                .watch
                .leave_out(std::mem::take(&mut opening.login.asked));
            opening.wait_after(failed).await?;
        }
    }
}

/// What lasts over all tries.
struct Opening<'a> {
    target: &'a Target,
    login: Login<'a>,
    judge: Judge<'a>,
    watch: Watch,
    deadlines: Deadlines,
}

impl Opening<'_> {
    async fn attempt(&mut self) -> Result<Opened, Failed> {
        let (link, key, trusted) = self.dial().await?;
        self.login.enter(&link).await?;
        if trusted != HowTrusted::Pinned {
            self.judge.pin(&key, &trusted).await?;
        }
        let connection = Connection { link };
        Ok(Opened {
            connection,
            trusted,
        })
    }

    /// Connects to a server that is trusted, if need be by a second connection for a key that can be compared.
    async fn dial(&mut self) -> Result<(Link, HostKey, HowTrusted), Failed> {
        loop {
            let dial = Dial {
                target: self.target.clone(),
                algorithms: preference(self.judge.expected()),
                limit: self.watch.limit(),
                silence: self.deadlines.silence,
            };
            let (link, key) = Link::dial(dial).await?;
            self.watch.has_answered();
            let verdict = self.judge.judge(&key).await;
            self.watch.leave_out(std::mem::take(&mut self.judge.waited));
            if let Verdict::Trusted(trusted) = verdict? {
                return Ok((link, key, trusted));
            }
        }
    }

    /// Waits, or gives the failure back when it is final.
    async fn wait_after(&mut self, failed: Failed) -> Result<(), SshError> {
        let is_next = match &failed {
            Failed::Hard(_) => false,
            Failed::Dial(cause) => cause.is_transient() && self.watch.pause().await,
            Failed::Denied => self.watch.pause_denied().await,
        };
        if is_next {
            return Ok(());
        }
        let (tries, waited) = (self.watch.tries, self.watch.waited());
        let target = Box::new(self.target.clone());
        Err(match failed {
            Failed::Hard(error) => error,
            Failed::Dial(cause) => SshError::Unreachable {
                target,
                cause,
                tries,
                waited,
            },
            Failed::Denied => SshError::Denied {
                target,
                key: self.login.key(),
                tries,
                waited,
            },
        })
    }
}

impl Shell for Connection {
    fn run<'a>(
        &'a self,
        command: &'a str,
        stdin: Vec<u8>,
        on_line: &'a mut (dyn FnMut(&[u8]) + 'a),
    ) -> LocalBoxFuture<'a, Result<Finished, LinkError>> {
        async move {
            let (mut chunks, ending) = self.link.run(command, stdin)?;
            let mut lines = Lines::default();
            while let Some(chunk) = chunks.recv().await {
                lines
                    .push(&chunk, on_line)
                    .map_err(|_| LinkError::TooLong {
                        host: self.link.host().to_owned(),
                    })?;
            }
            lines.finish(on_line);
            ending.await.map_err(|_| self.link.closed())?
        }
        .boxed_local()
    }
}
