//! Whether a server is the one that it says it is.

use futures_util::future::LocalBoxFuture;

use super::blocking;
use super::error::SshError;
use super::{HostKey, KnownHosts, Pinned, Target};

/// The console of a server, where it printed its host keys at first boot.
pub trait Console {
    /// Reads the keys; none where they are not there, or not yet.
    fn host_keys(&self) -> LocalBoxFuture<'_, Vec<HostKey>>;
}

/// What a server's key is compared with.
pub struct Trust<'a> {
    /// The keys seen before.
    pub known_hosts: &'a KnownHosts,
    /// The server's console; read only while no key is pinned, since it costs a call.
    pub console: &'a dyn Console,
}

/// Why a server's key is trusted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum HowTrusted {
    /// It is the one that was pinned before.
    Pinned,
    /// It is on the server's console; it is pinned from now on.
    Console,
    /// There was nothing to compare it with; it is pinned from now on.
    FirstUse {
        /// The key's fingerprint in OpenSSH's form, for the user to compare.
        fingerprint: String,
    },
}

/// What to do with a server that showed its key.
#[derive(Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Go on.
    Trusted(HowTrusted),
    /// Ask again for a key of the types that can be compared.
    Prefer(Vec<HostKey>),
}

/// Compares the keys of one server.
pub struct Judge<'a> {
    trust: &'a Trust<'a>,
    target: &'a Target,
    pinned: Pinned,
    console: Vec<HostKey>,
}

impl<'a> Judge<'a> {
    /// Reads what is pinned.
    pub async fn new(trust: &'a Trust<'a>, target: &'a Target) -> Result<Self, SshError> {
        let (known_hosts, pin) = (trust.known_hosts.clone(), target.pin.clone());
        let pinned = with_file(trust, move || known_hosts.read(&pin)).await?;
        Ok(Self {
            trust,
            target,
            pinned,
            console: Vec::new(),
        })
    }

    /// Gives the keys that the server should be asked for first.
    pub fn expected(&self) -> &[HostKey] {
        match self.pinned.keys.is_empty() {
            true => &self.console,
            false => &self.pinned.keys,
        }
    }

    /// Judges the key that the server showed.
    pub async fn judge(&mut self, seen: &HostKey) -> Result<Verdict, SshError> {
        if self.pinned.revoked.contains(seen) {
            return Err(SshError::HostKeyRevoked {
                target: Box::new(self.target.clone()),
                seen: seen.clone(),
                path: self.trust.known_hosts.path().to_owned(),
            });
        }
        if !self.pinned.keys.is_empty() {
            return self.compare_with_pinned(seen);
        }
        let was_asked_for = !self.console.is_empty();
        if !was_asked_for {
            self.console = self.trust.console.host_keys().await;
        }
        let is_comparable = |key: &HostKey| key.algorithm() == seen.algorithm();
        if self.console.is_empty() {
            let fingerprint = seen.fingerprint();
            Ok(Verdict::Trusted(HowTrusted::FirstUse { fingerprint }))
        } else if self.console.contains(seen) {
            Ok(Verdict::Trusted(HowTrusted::Console))
        } else if was_asked_for || self.console.iter().any(is_comparable) {
            Err(SshError::NotOnConsole {
                target: Box::new(self.target.clone()),
                expected: self.console.clone(),
                seen: seen.clone(),
            })
        } else {
            Ok(Verdict::Prefer(self.console.clone()))
        }
    }

    /// Pins the key of a server that was trusted.
    pub async fn pin(&self, key: &HostKey) -> Result<(), SshError> {
        let (known_hosts, pin) = (self.trust.known_hosts.clone(), self.target.pin.clone());
        let key = key.clone();
        with_file(self.trust, move || known_hosts.add(&pin, &key)).await
    }

    fn compare_with_pinned(&self, seen: &HostKey) -> Result<Verdict, SshError> {
        if self.pinned.keys.contains(seen) {
            return Ok(Verdict::Trusted(HowTrusted::Pinned));
        }
        Err(SshError::HostKeyChanged {
            target: Box::new(self.target.clone()),
            expected: self.pinned.keys.clone(),
            seen: seen.clone(),
            path: self.trust.known_hosts.path().to_owned(),
        })
    }
}

/// Works on the file on a thread of its own: it may have to wait for another labctl.
async fn with_file<T: Send + 'static>(
    trust: &Trust<'_>,
    work: impl FnOnce() -> std::io::Result<T> + Send + 'static,
) -> Result<T, SshError> {
    let done = blocking::run(work).await;
    done.unwrap_or_else(|| Err(std::io::Error::other("no thread for it")))
        .map_err(|source| SshError::KnownHosts {
            path: trust.known_hosts.path().to_owned(),
            source,
        })
}
