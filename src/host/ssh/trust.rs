//! Whether a server is the one that it says it is.

use std::time::Duration;

use futures_util::future::LocalBoxFuture;
use tokio::time::{Instant, sleep};

use crate::support::backoff::Backoff;

use super::blocking;
use super::error::SshError;
use super::{HostKey, KnownHosts, Pinned, Target};

/// The console of a server, where it printed its host keys at first boot.
pub trait Console {
    /// Reads the keys, which may not be there yet.
    ///
    /// # Errors
    ///
    /// Why the console cannot be read.
    fn host_keys(&self) -> LocalBoxFuture<'_, Result<Vec<HostKey>, String>>;

    /// Is told that the keys are waited for.
    fn is_awaited(&self) {}

    /// Is told why the console cannot be read, where that makes a difference.
    fn is_unreadable(&self, _reason: &str) {}
}

/// What a server's key is compared with.
pub struct Trust<'a> {
    /// The keys seen before.
    pub known_hosts: &'a KnownHosts,
    /// The server's console; read only until a key was compared with it, since it costs a call.
    pub console: &'a dyn Console,
    /// Whether a key is refused that cannot be compared with anything.
    pub is_strict: bool,
}

/// Why a server's key is trusted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum HowTrusted {
    /// It is the one that was pinned before.
    Pinned,
    /// It is on the server's console; it is pinned from now on.
    Console,
    /// It was pinned before by its first use, and is on the server's console: it is checked from now on.
    Confirmed,
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
    /// Connect again, and ask for a key of the types that can be compared.
    Again,
}

/// Compares the keys of one server.
pub struct Judge<'a> {
    trust: &'a Trust<'a>,
    target: &'a Target,
    pinned: Pinned,
    /// The keys on the console, once it was read.
    console: Option<Vec<HostKey>>,
    patience: Duration,
    /// How long the console was waited for since somebody took this.
    pub waited: Duration,
}

impl<'a> Judge<'a> {
    /// Reads what is pinned; `patience` is how long the console may take to show the keys of a server of which none is.
    pub async fn new(
        trust: &'a Trust<'a>,
        target: &'a Target,
        patience: Duration,
    ) -> Result<Self, SshError> {
        let (known_hosts, pin) = (trust.known_hosts.clone(), target.pin.clone());
        let pinned = with_file(trust, move || known_hosts.read(&pin)).await?;
        Ok(Self {
            trust,
            target,
            pinned,
            console: None,
            patience,
            waited: Duration::ZERO,
        })
    }

    /// Gives the keys that the server should be asked for first.
    pub fn expected(&self) -> &[HostKey] {
        match self.console.as_deref() {
            Some(keys @ [_, ..]) => keys,
            _ if self.pinned.checked.is_empty() => &self.pinned.keys,
            _ => &self.pinned.checked,
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
        if self.pinned.checked.contains(seen) {
            return Ok(Verdict::Trusted(HowTrusted::Pinned));
        }
        let was_asked_for = self.console.as_ref().is_some_and(|keys| !keys.is_empty());
        // A key that was asked for because the console shows one of its type need not be the one that is pinned.
        if !self.pinned.keys.is_empty() && !self.pinned.keys.contains(seen) && !was_asked_for {
            return Err(self.changed(seen));
        }
        if self.console.is_none() && self.read_console().await {
            return Ok(Verdict::Again);
        }
        let console = self.console.as_deref().unwrap_or_default();
        let is_comparable = |key: &HostKey| key.algorithm() == seen.algorithm();
        if console.is_empty() {
            self.judge_alone(seen)
        } else if console.contains(seen) {
            Ok(Verdict::Trusted(match self.pinned.keys.is_empty() {
                true => HowTrusted::Console,
                false => HowTrusted::Confirmed,
            }))
        } else if was_asked_for || console.iter().any(is_comparable) {
            Err(SshError::NotOnConsole {
                target: Box::new(self.target.clone()),
                expected: console.to_vec(),
                seen: seen.clone(),
                path: self.trust.known_hosts.path().to_owned(),
            })
        } else {
            Ok(Verdict::Again)
        }
    }

    /// Reads the console, and waits for it where no key is pinned. Says whether that took so long that the server may
    /// have hung up: it waits for a login two minutes (sshd_config(5), `LoginGraceTime`).
    async fn read_console(&mut self) -> bool {
        let start = Instant::now();
        let mut keys = self.trust.console.host_keys().await;
        let mut backoff = Backoff::default();
        let mut has_waited = false;
        while self.pinned.keys.is_empty()
            && keys.as_ref().is_ok_and(Vec::is_empty)
            && start.elapsed() < self.patience
        {
            if !std::mem::replace(&mut has_waited, true) {
                self.trust.console.is_awaited();
            }
            let left = self.patience.saturating_sub(start.elapsed());
            sleep(backoff.next_pause().min(left)).await;
            keys = self.trust.console.host_keys().await;
        }
        if let Err(reason) = &keys
            && (self.pinned.keys.is_empty() || self.trust.is_strict)
        {
            self.trust.console.is_unreadable(reason);
        }
        self.console = Some(keys.unwrap_or_default());
        self.waited += start.elapsed();
        has_waited
    }

    /// Judges a key that nothing on the console can be compared with.
    fn judge_alone(&self, seen: &HostKey) -> Result<Verdict, SshError> {
        if self.trust.is_strict {
            return Err(SshError::NotCompared {
                target: Box::new(self.target.clone()),
                seen: seen.clone(),
                path: self.trust.known_hosts.path().to_owned(),
            });
        }
        Ok(Verdict::Trusted(match self.pinned.keys.is_empty() {
            false => HowTrusted::Pinned,
            true => HowTrusted::FirstUse {
                fingerprint: seen.fingerprint(),
            },
        }))
    }

    /// Pins the key of a server that was trusted.
    pub async fn pin(&self, key: &HostKey, trusted: &HowTrusted) -> Result<(), SshError> {
        let (known_hosts, pin) = (self.trust.known_hosts.clone(), self.target.pin.clone());
        let key = key.clone();
        let is_checked = matches!(trusted, HowTrusted::Console | HowTrusted::Confirmed);
        let work = move || match is_checked {
            true => known_hosts.add_checked(&pin, &key),
            false => known_hosts.add(&pin, &key),
        };
        with_file(self.trust, work).await
    }

    fn changed(&self, seen: &HostKey) -> SshError {
        SshError::HostKeyChanged {
            target: Box::new(self.target.clone()),
            expected: self.pinned.keys.clone(),
            seen: seen.clone(),
            path: self.trust.known_hosts.path().to_owned(),
        }
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
