//! The thread that owns a session, as the rest of labctl sees it: orders go
//! there, answers come back, and nobody waits on the runtime's thread.

use tokio::sync::{mpsc, oneshot};

use super::error::{DialError, LinkError};
use super::orders::{Credential, Dial, Finished, LoginError, Order};
use super::{HostKey, thread};

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
