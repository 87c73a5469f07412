//! The edge to a host: one SSH connection, and commands over it.
//!
//! [`Connection::open`] reaches the server (`deadlines`, `link`), judges its key
//! (`trust`, `known_hosts`, `console`), logs in (`identity`, `private_key`); then
//! [`Shell::run`] runs commands. Only this file knows libssh2. A session of it
//! allows one caller at a time, and some of its steps take their time: so each
//! lives on a thread of its own, and is told what to do by messages.

mod blocking;
mod codes;
mod connection;
mod console;
mod deadlines;
mod dial;
mod error;
mod host_key;
mod identity;
mod known_hosts;
mod lines;
mod link;
mod orders;
mod private_key;
mod target;
mod thread;
mod trust;

pub use connection::{Connection, Opened, Shell};
pub use console::console_host_keys;
pub use deadlines::Deadlines;
pub use error::{DialError, LinkError, SshError};
pub use host_key::HostKey;
pub use identity::Identity;
pub use known_hosts::{KnownHosts, Pinned};
pub use orders::Finished;
pub use private_key::{KeyFileProblem, PrivateKey, examine, path_beside};
pub use target::Target;
pub use trust::{Console, HowTrusted, Trust};

use std::cell::Cell;
use std::io::{self, Read, Write};
use std::net::Shutdown;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use ssh2::{BlockDirections, Channel, ErrorCode, MethodType};
use tokio::io::Interest;
use tokio::net::TcpStream;
use tokio::sync::mpsc;
use tokio::time::timeout;

use codes::{Broken, CHANNEL_FAILURE, CHANNEL_REQUEST_DENIED};
use orders::{Credential, Dial, LoginError};
use private_key::Secret;

/// Ways to agree on a key, best first: without SHA-1, which the library still offers by default.
const KEY_EXCHANGES: &str = "mlkem768x25519-sha256,curve25519-sha256,curve25519-sha256@libssh.org,\
    ecdh-sha2-nistp256,ecdh-sha2-nistp384,ecdh-sha2-nistp521,diffie-hellman-group16-sha512,\
    diffie-hellman-group18-sha512,diffie-hellman-group14-sha256,diffie-hellman-group-exchange-sha256";
/// AES first, since OpenSSL has it in the processor's own instructions.
const CIPHERS: &str = "aes128-gcm@openssh.com,aes256-gcm@openssh.com,chacha20-poly1305@openssh.com,\
    aes256-ctr,aes192-ctr,aes128-ctr";
const MACS: &str =
    "hmac-sha2-256-etm@openssh.com,hmac-sha2-512-etm@openssh.com,hmac-sha2-256,hmac-sha2-512";

/// One packet's worth of stdin.
const PIECE: usize = 32 << 10;
/// Of a flood on stderr, so much of the end is kept.
const STDERR_KEPT: usize = 64 << 10;

/// Whether an agent keeps a key.
fn agent_has(socket: &Path, blob: &[u8]) -> bool {
    let keys = ssh2::Session::new().and_then(|raw| agent_at(&raw, socket)?.identities());
    keys.is_ok_and(|keys| keys.iter().any(|key| key.blob() == blob))
}

fn agent_at(raw: &ssh2::Session, socket: &Path) -> Result<ssh2::Agent, ssh2::Error> {
    let mut agent = raw.agent()?;
    agent.set_identity_path(socket)?;
    agent.connect()?;
    agent.list_identities()?;
    Ok(agent)
}

impl From<ssh2::Error> for Broken {
    fn from(error: ssh2::Error) -> Self {
        let (ErrorCode::Session(code) | ErrorCode::SFTP(code)) = error.code();
        let message = error.message().to_owned();
        Self::Said { code, message }
    }
}

/// A session of libssh2 that never blocks: where it would, `ready` waits for the socket.
struct Session {
    raw: ssh2::Session,
    stream: Arc<TcpStream>,
    /// The same socket, to end it at once.
    twin: std::net::TcpStream,
    heard: Cell<Instant>,
    silence: Duration,
    host: String,
}

impl Drop for Session {
    fn drop(&mut self) {
        // A farewell if there is room for it; then nothing is left to wait for.
        let _ = self.raw.disconnect(None, "done", None);
        let _ = self.twin.shutdown(Shutdown::Both);
        self.raw.set_blocking(true);
        self.raw.set_timeout(1);
    }
}

impl Session {
    /// Connects, and agrees on keys.
    async fn open(dial: &Dial) -> Result<(Self, HostKey), DialError> {
        let stream = dial::connect(&dial.target, dial.limit).await?;
        let session = Self::over(stream, dial).map_err(|error| match error {
            Broken::Said { message, .. } => DialError::Local(message),
            Broken::Silent => DialError::Silent,
        })?;
        let mut raw = session.raw.clone();
        match timeout(dial.limit, session.until(|| raw.handshake())).await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => return Err(session.dial_error(error)),
            Err(_) => return Err(session.dial_error(Broken::Silent)),
        }
        let key = raw
            .host_key()
            .and_then(|(blob, _)| HostKey::from_blob(blob));
        let unknown = || DialError::NoCommonAlgorithm("an unknown type of host key".to_owned());
        Ok((session, key.ok_or_else(unknown)?))
    }

    fn over(stream: TcpStream, dial: &Dial) -> Result<Self, Broken> {
        stream.set_nodelay(true)?;
        let stream = stream.into_std()?;
        let twin = stream.try_clone()?;
        let stream = Arc::new(TcpStream::from_std(stream)?);
        let mut raw = ssh2::Session::new()?;
        raw.set_blocking(false);
        raw.method_pref(MethodType::HostKey, &dial.algorithms)?;
        raw.method_pref(MethodType::Kex, KEY_EXCHANGES)?;
        for (list, methods) in [
            (CIPHERS, [MethodType::CryptCs, MethodType::CryptSc]),
            (MACS, [MethodType::MacCs, MethodType::MacSc]),
        ] {
            for method in methods {
                raw.method_pref(method, list)?;
            }
        }
        raw.set_tcp_stream(Arc::clone(&stream));
        Ok(Self {
            raw,
            stream,
            twin,
            heard: Cell::new(Instant::now()),
            silence: dial.silence,
            host: dial.target.to_string(),
        })
    }

    fn dial_error(&self, error: Broken) -> DialError {
        codes::dial_error(self.raw.banner().unwrap_or_default(), error)
    }

    /// Notes a sign of life.
    fn hears(&self) {
        self.heard.set(Instant::now());
    }

    /// Asks the server for a sign of life, where it has been quiet for a beat.
    fn keep_alive(&self) -> Result<(), Broken> {
        self.raw.keepalive_send()?;
        Ok(())
    }

    async fn log_in(&self, user: &str, credential: &Credential) -> Result<(), LoginError> {
        let done = match credential {
            Credential::Key {
                public,
                private,
                passphrase,
            } => {
                let passphrase = passphrase.as_ref().map(Secret::expose);
                let step = || {
                    let private = private.expose();
                    self.raw
                        .userauth_pubkey_memory(user, Some(public), private, passphrase)
                };
                self.until(step).await
            }
            Credential::Agent { socket, blob } => {
                let not_signed = |_| LoginError::NotSigned;
                let agent = agent_at(&self.raw, socket).map_err(not_signed)?;
                let keys = agent.identities().map_err(not_signed)?;
                let key = keys.iter().find(|key| key.blob() == blob);
                let key = key.ok_or(LoginError::NotSigned)?;
                self.until(|| agent.userauth(user, key)).await
            }
        };
        done.map_err(codes::login_error)?;
        // Not before: a server takes no such request of a stranger.
        let beat = u32::try_from(self.beat().as_secs()).unwrap_or(u32::MAX);
        self.raw.set_keepalive(true, beat.saturating_sub(1).max(1));
        Ok(())
    }

    async fn run(
        &self,
        command: &str,
        stdin: &[u8],
        output: mpsc::Sender<Vec<u8>>,
    ) -> Result<Finished, LinkError> {
        let refused = |error| match error {
            Broken::Said {
                code: CHANNEL_FAILURE | CHANNEL_REQUEST_DENIED,
                message,
            } => LinkError::NotStarted {
                host: self.host.clone(),
                reason: message,
            },
            error => self.lost(error),
        };
        let opened = self.until(|| self.raw.channel_session()).await;
        let mut channel = opened.map_err(refused)?;
        let started = self.until(|| channel.exec(command)).await;
        started.map_err(refused)?;
        let pumped = self.pump(&mut channel, stdin, output).await;
        let stderr = pumped.map_err(|error| self.lost(error))?;
        let closed = self.until(|| channel.close()).await;
        closed.map_err(|error| self.lost(error))?;
        let signal = channel.exit_signal().ok();
        let signal = signal.and_then(|signal| signal.exit_signal);
        let status = channel.exit_status().unwrap_or(-1);
        Ok(Finished {
            status: signal.as_deref().map_or(status, codes::status_of_signal),
            signal,
            stderr: String::from_utf8_lossy(&stderr).into_owned(),
        })
    }

    /// Moves data both ways, whichever way it goes, until the server closes the channel; gives stderr.
    async fn pump(
        &self,
        channel: &mut Channel,
        stdin: &[u8],
        output: mpsc::Sender<Vec<u8>>,
    ) -> Result<Vec<u8>, Broken> {
        let mut buffer = vec![0; 2 * PIECE];
        let mut stderr = Vec::new();
        let mut unsent = Some(stdin);
        loop {
            let mut has_moved = self.feed(channel, &mut unsent).await?;
            if let Some(count @ 1..) = self.attempt(|| channel.read(&mut buffer)).await? {
                has_moved = true;
                // Where nobody reads on, `reply` is closed too, and ends this.
                let _ = output.send(buffer[..count].to_vec()).await;
            }
            let mut errors = channel.stderr();
            if let Some(count @ 1..) = self.attempt(|| errors.read(&mut buffer)).await? {
                has_moved = true;
                stderr.extend(&buffer[..count]);
                let surplus = stderr.len().saturating_sub(STDERR_KEPT);
                stderr.drain(..surplus);
            }
            if channel.eof() {
                let wait_close = || channel.wait_close().map_err(io::Error::from);
                if self.attempt(wait_close).await?.is_some() {
                    return Ok(stderr);
                }
            }
            match has_moved {
                true => self.hears(),
                false => self.ready().await?,
            }
        }
    }

    /// Sends a piece of stdin, or its end; says whether anything went.
    async fn feed(
        &self,
        channel: &mut Channel,
        unsent: &mut Option<&[u8]>,
    ) -> Result<bool, Broken> {
        let Some(rest) = *unsent else {
            return Ok(false);
        };
        let piece = &rest[..rest.len().min(PIECE)];
        let sent = match piece.is_empty() {
            true => {
                let send_eof = || channel.send_eof().map(|()| 0).map_err(io::Error::from);
                self.attempt(send_eof).await
            }
            false => self.attempt(|| channel.write(piece)).await,
        };
        *unsent = match sent {
            Ok(Some(_)) if piece.is_empty() => None,
            Ok(Some(count)) => rest.get(count..),
            Ok(None) => return Ok(false),
            Err(Broken::Silent) => return Err(Broken::Silent),
            // The command reads no more; what it prints counts still.
            Err(Broken::Said { .. }) => None,
        };
        Ok(unsent.is_none_or(|left| left.len() < rest.len()))
    }

    /// Takes a step until it is done.
    async fn until<T>(
        &self,
        mut step: impl FnMut() -> Result<T, ssh2::Error>,
    ) -> Result<T, Broken> {
        loop {
            match step().map_err(Broken::from) {
                Err(error) if error.is_waiting() => self.ready().await?,
                result => return result,
            }
        }
    }

    /// Takes a step if it can be taken now; none if not.
    ///
    /// A packet that went out in part is finished first: libssh2 can send no
    /// other before it.
    async fn attempt<T>(
        &self,
        mut step: impl FnMut() -> io::Result<T>,
    ) -> Result<Option<T>, Broken> {
        loop {
            match step().map_err(Broken::from) {
                Err(error) if error.is_waiting() && self.is_sending() => self.ready().await?,
                Err(error) if error.is_waiting() => return Ok(None),
                result => return result.map(Some),
            }
        }
    }

    fn is_sending(&self) -> bool {
        let direction = self.raw.block_directions();
        matches!(direction, BlockDirections::Outbound | BlockDirections::Both)
    }

    /// Waits until the socket is ready again, and asks for a sign of life at each beat.
    ///
    /// Nothing is read in between: what the library reads by itself, such as the
    /// answer to that question, would not be noticed.
    async fn ready(&self) -> Result<(), Broken> {
        let interest = match self.raw.block_directions() {
            BlockDirections::Outbound => Interest::WRITABLE,
            BlockDirections::Both => Interest::READABLE | Interest::WRITABLE,
            BlockDirections::Inbound | BlockDirections::None => Interest::READABLE,
        };
        loop {
            match timeout(self.beat(), self.stream.ready(interest)).await {
                Ok(ready) => {
                    ready?;
                    self.hears();
                    // libssh2 reads and writes behind tokio's back until it would block: tell it so.
                    let would_block = || Err::<(), _>(io::ErrorKind::WouldBlock.into());
                    let _ = self.stream.try_io(Interest::READABLE, would_block);
                    let _ = self.stream.try_io(Interest::WRITABLE, would_block);
                    return Ok(());
                }
                Err(_) if self.heard.get().elapsed() >= self.silence => return Err(Broken::Silent),
                Err(_) if self.is_sending() => {}
                Err(_) => self.keep_alive()?,
            }
        }
    }

    fn beat(&self) -> Duration {
        self.silence / 3
    }

    fn lost(&self, error: Broken) -> LinkError {
        let reason = match error {
            Broken::Said { message, .. } => format!("it broke ({message})"),
            Broken::Silent => format!("nothing was heard for {} s", self.silence.as_secs()),
        };
        LinkError::Lost {
            host: self.host.clone(),
            reason,
        }
    }
}
