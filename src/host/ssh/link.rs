//! The thread that owns a session, as the rest of labctl sees it: orders go
//! there, answers come back, and nobody waits on the runtime's thread.

use std::path::PathBuf;
use std::time::Duration;

use tokio::sync::{mpsc, oneshot};

use super::error::{DialError, LinkError};
use super::private_key::Secret;
use super::{HostKey, Target, thread};

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

/// So many pieces of output wait for their reader; then the server has to.
const WAITING: usize = 16;

/// A session on its thread; dropping it ends both.
#[derive(Debug)]
pub struct Link {
    orders: mpsc::UnboundedSender<Order>,
    host: String,
}

impl Link {
    /// Opens a connection as far as the server's host key.
    pub async fn dial(dial: Dial) -> Result<(Self, HostKey), DialError> {
        let (orders, inbox) = mpsc::unbounded_channel();
        let (reply, key) = oneshot::channel();
        let host = dial.target.to_string();
        let builder = std::thread::Builder::new().name("ssh".to_owned());
        builder
            .spawn(move || thread::serve(dial, reply, inbox))
            .map_err(|error| DialError::Local(error.to_string()))?;
        let died = |_| DialError::Local("the thread for SSH ended".to_owned());
        let key = key.await.map_err(died)??;
        Ok((Self { orders, host }, key))
    }

    /// Logs in.
    pub async fn log_in(&self, credential: Credential) -> Result<(), LoginError> {
        let (reply, answer) = oneshot::channel();
        let order = Order::LogIn { credential, reply };
        let lost = || LoginError::Lost(DialError::Network("the connection broke".to_owned()));
        self.orders.send(order).map_err(|_| lost())?;
        answer.await.map_err(|_| lost())?
    }

    /// Starts a command; gives its output and its end.
    pub fn run(
        &self,
        command: &str,
        stdin: Vec<u8>,
    ) -> Result<(mpsc::Receiver<Vec<u8>>, Ending), LinkError> {
        let (output, chunks) = mpsc::channel(WAITING);
        let (reply, ending) = oneshot::channel();
        let order = Order::Run {
            command: command.to_owned(),
            stdin,
            output,
            reply,
        };
        self.orders.send(order).map_err(|_| self.closed())?;
        Ok((chunks, ending))
    }

    /// The host, for messages.
    pub fn host(&self) -> &str {
        &self.host
    }

    /// The error of a link that ended before.
    pub fn closed(&self) -> LinkError {
        LinkError::Lost {
            host: self.host.clone(),
            reason: "it was closed before".to_owned(),
        }
    }
}

/// The end of a command, when it comes.
pub type Ending = oneshot::Receiver<Result<Finished, LinkError>>;
