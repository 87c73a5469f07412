//! What a session's thread is told, and what it answers.

use std::path::PathBuf;
use std::time::Duration;

use tokio::sync::{mpsc, oneshot};

use super::Target;
use super::error::{DialError, LinkError};
use super::private_key::Secret;

/// What to reach, and how.
#[derive(Debug, Clone)]
pub struct Dial {
    /// The server.
    pub target: Target,
    /// The signature algorithms to offer, best first.
    pub algorithms: String,
    /// How long to try.
    pub limit: Duration,
    /// How long the open link may be silent.
    pub silence: Duration,
}

/// What a user proves himself with.
#[derive(Debug, Clone)]
pub enum Credential {
    /// A private key.
    Key {
        /// The public key's line.
        public: String,
        /// The private key's text.
        private: Secret,
        /// What it is encrypted with.
        passphrase: Option<Secret>,
    },
    /// A key that an agent keeps.
    Agent {
        /// The agent's socket.
        socket: PathBuf,
        /// The public key.
        blob: Vec<u8>,
    },
}

/// Why a user is not logged in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LoginError {
    /// The server does not take the key.
    Denied,
    /// The server takes the key, and refused what was signed with the private one.
    BadSignature,
    /// Nothing was signed: a wrong passphrase, or an agent that refused.
    NotSigned,
    /// The link broke.
    Lost(DialError),
}

/// How a command ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finished {
    /// The exit status; 128 and the signal's number where a signal ended it, as in a shell.
    ///
    /// It is 0 too where the server told neither, so that what matters must be
    /// printed by the command.
    pub status: i32,
    /// The name of the signal that ended it, such as `KILL`.
    pub signal: Option<String>,
    /// What it printed to stderr; of much only the end.
    pub stderr: String,
}

/// What the session's thread is told to do.
pub enum Order {
    /// Log in.
    LogIn {
        credential: Credential,
        reply: oneshot::Sender<Result<(), LoginError>>,
    },
    /// Run a command.
    Run {
        command: String,
        stdin: Vec<u8>,
        output: mpsc::Sender<Vec<u8>>,
        reply: oneshot::Sender<Result<Finished, LinkError>>,
    },
}
