//! Everything by which reaching a host can fail, and what to do about it.

use std::borrow::Cow;
use std::io;
use std::path::PathBuf;
use std::time::Duration;

use crate::support::hint::Hint;

use super::known_hosts::CHECKED;
use super::private_key::KeyFileProblem;
use super::{HostKey, Target};

/// Why one try to get as far as the server's host key failed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DialError {
    /// The name leads nowhere.
    #[error("the name does not resolve: {0}")]
    Unresolved(String),
    /// Nothing listens there.
    #[error("connection refused")]
    Refused,
    /// Nothing answered.
    #[error("no answer")]
    NoAnswer,
    /// The network does not lead there, or broke.
    #[error("{0}")]
    Network(String),
    /// The other side hung up before it was known who it is.
    #[error("the connection was closed before SSH began")]
    Closed,
    /// The other side accepts and says nothing.
    #[error("it accepts connections but does not answer")]
    Silent,
    /// The server takes no further connections for now.
    #[error("the server turns connections away: `{0}`")]
    Busy(String),
    /// What answers there is something else.
    #[error("what answers there does not speak SSH")]
    NotSsh,
    /// The two sides know no common algorithm.
    #[error("no common SSH algorithm ({0})")]
    NoCommonAlgorithm(String),
    /// The server showed a host key and could not sign with it.
    #[error("the server cannot prove that its host key is its own")]
    Unproven,
    /// This machine could not even try.
    #[error("cannot begin: {0}")]
    Local(String),
}

impl DialError {
    /// Whether it can pass by itself, while a server boots.
    pub const fn is_transient(&self) -> bool {
        match self {
            Self::Refused
            | Self::NoAnswer
            | Self::Network(_)
            | Self::Closed
            | Self::Silent
            | Self::Busy(_) => true,
            Self::Unresolved(_)
            | Self::NotSsh
            | Self::NoCommonAlgorithm(_)
            | Self::Unproven
            | Self::Local(_) => false,
        }
    }
}

/// Why labctl is not logged in on a host.
#[derive(Debug, thiserror::Error)]
pub enum SshError {
    /// There is neither a private key nor an agent that has it.
    #[error(
        "there is no private key for `{public}`: `{private}` is not there, and no SSH agent has it"
    )]
    NoPrivateKey {
        /// The public key's file.
        public: String,
        /// Where the private one was looked for.
        private: String,
    },
    /// The private key's file cannot be used.
    #[error("cannot use the private key `{}`: {problem}", path.display())]
    KeyFile {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        problem: KeyFileProblem,
    },
    /// No passphrase was given.
    #[error("the private key `{}` needs its passphrase, and none was given", .0.display())]
    NoPassphrase(PathBuf),
    /// No passphrase was right.
    #[error("the passphrase of `{}` was wrong three times", .0.display())]
    WrongPassphrase(PathBuf),
    /// The agent has the key and did not use it.
    #[error("the SSH agent did not sign with the key `{0}`")]
    AgentRefused(String),
    /// The server could not be reached.
    #[error("cannot reach {target} by SSH: {cause} ({})", tried(*tries, *waited))]
    Unreachable {
        /// The server.
        target: Box<Target>,
        /// Why the last try failed.
        cause: DialError,
        /// How many tries there were.
        tries: u32,
        /// How long it was tried.
        waited: Duration,
    },
    /// The server did not let the user in.
    #[error("{target} does not let `{}` in with the key {key} ({})", target.user, tried(*tries, *waited))]
    Denied {
        /// The server.
        target: Box<Target>,
        /// The key: its fingerprint and its file.
        key: String,
        /// How many tries there were.
        tries: u32,
        /// How long it was tried.
        waited: Duration,
    },
    /// The server's key is not the one that is pinned.
    #[error("the host key of {target} has changed: `{}` is pinned with {}, and the server shows {seen:?}", target.pin, listed(expected))]
    HostKeyChanged {
        /// The server.
        target: Box<Target>,
        /// The keys that are pinned.
        expected: Vec<HostKey>,
        /// The key that the server showed.
        seen: HostKey,
        /// The file of pins.
        path: PathBuf,
    },
    /// The server's key is marked as revoked.
    #[error("the host key of {target}, {seen:?}, is marked as revoked in `{}`", path.display())]
    HostKeyRevoked {
        /// The server.
        target: Box<Target>,
        /// The key that the server showed.
        seen: HostKey,
        /// The file of pins.
        path: PathBuf,
    },
    /// The server's key is not among those that its console shows.
    #[error("the host key of {target} is not the one that `{}` printed on its console: {} there, and the server shows {seen:?}", target.pin, listed(expected))]
    NotOnConsole {
        /// The server.
        target: Box<Target>,
        /// The keys on the console.
        expected: Vec<HostKey>,
        /// The key that the server showed.
        seen: HostKey,
        /// The file of pins.
        path: PathBuf,
    },
    /// There is nothing to compare the server's key with, and it is not to be trusted without that.
    #[error("the host key of {target} cannot be compared: the console of `{}` does not show it, and the server shows {seen:?}", target.pin)]
    NotCompared {
        /// The server.
        target: Box<Target>,
        /// The key that the server showed.
        seen: HostKey,
        /// The file of pins.
        path: PathBuf,
    },
    /// The file of pins cannot be read or written.
    #[error("cannot use the file of known host keys `{}`: {source}", path.display())]
    KnownHosts {
        /// The file of pins.
        path: PathBuf,
        /// What is wrong with it.
        source: io::Error,
    },
}

impl SshError {
    /// Whether what answers may be somebody else than the server.
    pub const fn may_be_impostor(&self) -> bool {
        matches!(
            self,
            Self::HostKeyChanged { .. }
                | Self::HostKeyRevoked { .. }
                | Self::NotOnConsole { .. }
                | Self::NotCompared { .. }
                | Self::Unreachable {
                    cause: DialError::Unproven,
                    ..
                }
        )
    }

    /// Whether it can pass by itself, while a server boots.
    pub const fn is_transient(&self) -> bool {
        match self {
            Self::Unreachable { cause, .. } => cause.is_transient(),
            Self::Denied { .. } => true,
            _ => false,
        }
    }
}

fn key_file_hint(path: &str, problem: &KeyFileProblem) -> String {
    match problem {
        KeyFileProblem::Missing => {
            format!("put it at `{path}`, or add it to the agent by `ssh-add FILE`")
        }
        KeyFileProblem::Unreadable(_) => format!("make `{path}` readable for you"),
        KeyFileProblem::TooOpen(_) => format!("close it by `chmod 600 {path}`"),
        KeyFileProblem::OtherKey => format!(
            "`ssh-keygen -y -f {path}` prints the public key that belongs to it; give the plan's `key_pair` the right pair"
        ),
        KeyFileProblem::Putty => {
            format!("convert it by `puttygen {path} -O private-openssh -o FILE`")
        }
        KeyFileProblem::Unknown => {
            format!("convert it by `ssh-keygen -p -f {path}`, or give another key")
        }
    }
}

fn dial_hint(target: &Target, cause: &DialError) -> String {
    let port = target.port;
    match cause {
        DialError::Refused | DialError::Closed | DialError::Silent | DialError::Busy(_) => {
            "the server may still be booting: try again in a minute; `labctl status` shows how it is".to_owned()
        }
        DialError::NoAnswer | DialError::Network(_) => format!(
            "is the server stopped (`labctl status`, `labctl start`)? has this laptop's address changed since the last `labctl apply`, which opens port {port} for `my-ip`? then apply again; does this network let port {port} out?"
        ),
        DialError::Unresolved(_) => "check the name for typing errors".to_owned(),
        DialError::NotSsh => format!(
            "is port {port} of `{}` the right one? a network's login page may also answer in its place",
            target.address
        ),
        DialError::NoCommonAlgorithm(_) => {
            "the server's sshd is too old, or its settings are too narrow".to_owned()
        }
        DialError::Unproven => {
            "somebody may be listening in, so nothing was sent; try from another network".to_owned()
        }
        DialError::Local(_) => "free some memory or files of this machine, and try again".to_owned(),
    }
}

fn listed(keys: &[HostKey]) -> String {
    let keys: Vec<String> = keys.iter().map(|key| format!("{key:?}")).collect();
    keys.join(", ")
}

fn tried(tries: u32, waited: Duration) -> String {
    match tries {
        1 => "tried once".to_owned(),
        _ => format!("tried {tries} times in {} s", waited.as_secs().max(1)),
    }
}

/// Why a command on a host did not come to its end.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum LinkError {
    /// The link broke or fell silent; the command may still run.
    #[error("the connection to {host} is lost: {reason}")]
    Lost {
        /// The host.
        host: String,
        /// What was seen of it.
        reason: String,
    },
    /// The server did not start the command.
    #[error("{host} did not start a command: {reason}")]
    NotStarted {
        /// The host.
        host: String,
        /// What the server said.
        reason: String,
    },
    /// The command printed a line, or a text, that does not end.
    #[error("{host} prints without an end")]
    TooLong {
        /// The host.
        host: String,
    },
}

impl Hint for SshError {
    fn hint(&self) -> Cow<'static, str> {
        Cow::from(match self {
            Self::NoPrivateKey { private, .. } => format!(
                "put the private key at `{private}`, or add it to the agent by `ssh-add FILE`"
            ),
            Self::KeyFile { path, problem } => key_file_hint(&path.display().to_string(), problem),
            Self::NoPassphrase(path) | Self::WrongPassphrase(path) => {
                format!("add the key to the agent by `ssh-add {}`", path.display())
            }
            Self::AgentRefused(_) => {
                "unlock the agent, or confirm when it asks; `ssh-add -T FILE.pub` tries it"
                    .to_owned()
            }
            Self::Unreachable { target, cause, .. } => dial_hint(target, cause),
            Self::Denied { target, .. } => format!(
                "a server keeps the key that it was created with: the plan's `key_pair` must be that one, and `{}` its user",
                target.user
            ),
            Self::HostKeyChanged { target, path, .. } => format!(
                "somebody may be listening in, so nothing was sent; if you replaced the server's keys yourself, delete the line of `{}` in `{}`",
                target.pin,
                path.display()
            ),
            Self::HostKeyRevoked { path, .. } => format!(
                "nothing was sent; the line with `@revoked` in `{}` says so",
                path.display()
            ),
            Self::NotOnConsole {
                target, seen, path, ..
            } => format!(
                "somebody may be listening in, so nothing was sent; try from another network, and look at the console's text in AWS (EC2, the instance, `Get system log`); if you replaced the server's keys yourself, put the line `{} {seen} {CHECKED}` in the place of its others into `{}`",
                target.pin,
                path.display()
            ),
            Self::NotCompared { target, seen, path } => format!(
                "nothing was sent; try again when the console shows it (EC2, the instance, `Get system log`), leave `--strict-host-key` out, or compare the key yourself and put the line `{} {seen} {CHECKED}` into `{}`",
                target.pin,
                path.display()
            ),
            Self::KnownHosts { path, .. } => {
                format!("make `{}` readable and writable for you", path.display())
            }
        })
    }
}
