//! Who logs in: the private key of the plan's key pair, wherever it is.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use base64::prelude::{BASE64_STANDARD, Engine as _};

use crate::plan::SshPublicKey;

use super::error::SshError;
use super::host_key::fingerprint;
use super::link::Link;
use super::orders::{Credential, LoginError};
use super::private_key::{self, KeyFileProblem, PrivateKey, Secret};
use super::{agent_has, blocking};

/// Where to look for the private key.
pub struct Identity<'a> {
    /// The public key.
    pub public_key: &'a SshPublicKey,
    /// Its file; the private key lies beside it, without `.pub`.
    pub public_path: &'a Path,
    /// The socket of the SSH agent, `SSH_AUTH_SOCK`.
    pub agent: Option<&'a Path>,
    /// Asks for a passphrase; none where nobody answers.
    pub ask: &'a dyn Fn(&str) -> Option<String>,
}

/// So often a passphrase is asked for, as often as OpenSSH does (ssh_config(5), `NumberOfPasswordPrompts`).
const PROMPTS: u32 = 3;

/// An encrypted key's file.
#[derive(Debug, Clone)]
struct Sealed {
    path: PathBuf,
    text: Secret,
    passphrase: Option<Secret>,
}

#[derive(Debug, Clone)]
enum Source {
    Plain(PathBuf, Secret),
    Agent(PathBuf, Option<Sealed>),
    Sealed(Sealed),
}

/// The key that was found, over all tries to log in.
pub struct Login<'a> {
    identity: &'a Identity<'a>,
    source: Source,
    /// How long the user took to answer.
    pub asked: Duration,
}

/// Why a try to log in failed.
#[derive(Debug)]
pub enum EnterError {
    /// Trying again may help.
    Again(LoginError),
    /// It does not.
    Never(SshError),
}

impl From<SshError> for EnterError {
    fn from(error: SshError) -> Self {
        Self::Never(error)
    }
}

impl<'a> Login<'a> {
    /// Finds the key: an unencrypted file, else the agent's, else an encrypted file.
    pub async fn find(identity: &'a Identity<'a>) -> Result<Self, SshError> {
        let path = private_key::path_beside(identity.public_path);
        let file = match &path {
            Some(path) => private_key::read(path, identity.public_key),
            None => Err(KeyFileProblem::Missing),
        };
        let path = path.unwrap_or_default();
        let file = match file {
            Ok(PrivateKey::Plain(text)) => {
                return Ok(Self::new(identity, Source::Plain(path, text)));
            }
            Ok(PrivateKey::Encrypted(text)) => Ok(Sealed {
                path,
                text,
                passphrase: None,
            }),
            Err(problem) => Err((path, problem)),
        };
        let source = match (identity.agent_with_key().await, file) {
            (Some(agent), file) => Source::Agent(agent, file.ok()),
            (None, Ok(sealed)) => Source::Sealed(sealed),
            (None, Err((path, KeyFileProblem::Missing))) => return Err(identity.missing(&path)),
            (None, Err((path, problem))) => return Err(SshError::KeyFile { path, problem }),
        };
        Ok(Self::new(identity, source))
    }

    const fn new(identity: &'a Identity<'a>, source: Source) -> Self {
        Self {
            identity,
            source,
            asked: Duration::ZERO,
        }
    }

    /// Names the key for messages.
    pub fn key(&self) -> String {
        let blob = BASE64_STANDARD
            .decode(&self.identity.public_key.blob)
            .unwrap_or_default();
        let place = match &self.source {
            Source::Plain(path, _) | Source::Sealed(Sealed { path, .. }) => {
                format!("`{}`", path.display())
            }
            Source::Agent(..) => "of the SSH agent".to_owned(),
        };
        format!("{} ({place})", fingerprint(&blob))
    }

    /// Logs in over a link.
    pub async fn enter(&mut self, link: &Link) -> Result<(), EnterError> {
        if let Source::Agent(socket, sealed) = &self.source {
            let credential = Credential::Agent {
                socket: socket.clone(),
                blob: BASE64_STANDARD
                    .decode(&self.identity.public_key.blob)
                    .unwrap_or_default(),
            };
            match (link.log_in(credential).await, sealed.clone()) {
                (Ok(()), _) => return Ok(()),
                (Err(LoginError::NotSigned), Some(sealed)) => self.source = Source::Sealed(sealed),
                (Err(LoginError::NotSigned), None) => {
                    let file = self.identity.public_path.display().to_string();
                    return Err(SshError::AgentRefused(file).into());
                }
                (Err(error), _) => return Err(EnterError::Again(error)),
            }
        }
        match self.source.clone() {
            Source::Plain(path, text) => {
                let result = link.log_in(self.with_key(text, None)).await;
                result.map_err(|error| file_error(&path, error))
            }
            Source::Sealed(sealed) => self.unseal(link, sealed).await,
            Source::Agent(..) => Ok(()),
        }
    }

    /// Asks for the passphrase, but only once the server has said that it takes the key.
    async fn unseal(&mut self, link: &Link, mut sealed: Sealed) -> Result<(), EnterError> {
        let passphrase = sealed.passphrase.clone();
        let mut result = link
            .log_in(self.with_key(sealed.text.clone(), passphrase))
            .await;
        for prompt in 0..PROMPTS {
            if result != Err(LoginError::NotSigned) {
                break;
            }
            let given = self.ask(&sealed.path, prompt)?;
            sealed.passphrase = Some(given.clone());
            // The server may have hung up meanwhile: the answer is kept for the next link.
            self.source = Source::Sealed(sealed.clone());
            let credential = self.with_key(sealed.text.clone(), Some(given));
            result = link.log_in(credential).await;
        }
        match result {
            Err(LoginError::NotSigned) => Err(SshError::WrongPassphrase(sealed.path).into()),
            result => result.map_err(|error| file_error(&sealed.path, error)),
        }
    }

    fn ask(&mut self, path: &Path, prompt: u32) -> Result<Secret, SshError> {
        let started = Instant::now();
        let again = if prompt == 0 { "" } else { "that was wrong; " };
        let question = format!("{again}passphrase of `{}`:", path.display());
        let answer = (self.identity.ask)(&question);
        self.asked += started.elapsed();
        let answer = answer.ok_or_else(|| SshError::NoPassphrase(path.to_owned()))?;
        Ok(Secret::new(answer))
    }

    fn with_key(&self, private: Secret, passphrase: Option<Secret>) -> Credential {
        Credential::Key {
            public: self.identity.public_key.to_string(),
            private,
            passphrase,
        }
    }
}

impl Identity<'_> {
    /// Says what keeps it from logging in anywhere; that needs no server.
    pub async fn check(&self, is_somebody_there: bool) -> Result<(), SshError> {
        match Login::find(self).await?.source {
            Source::Sealed(sealed) if !is_somebody_there => {
                Err(SshError::NoPassphrase(sealed.path))
            }
            _ => Ok(()),
        }
    }

    /// Names the agent if it has the key.
    async fn agent_with_key(&self) -> Option<PathBuf> {
        let socket = self.agent?.to_owned();
        let blob = BASE64_STANDARD.decode(&self.public_key.blob).ok()?;
        let look = {
            let socket = socket.clone();
            blocking::run(move || agent_has(&socket, &blob))
        };
        look.await.unwrap_or(false).then_some(socket)
    }

    fn missing(&self, private: &Path) -> SshError {
        let public = self.public_path.display().to_string();
        let private = match private.as_os_str().is_empty() {
            true => format!("{public} without `.pub`"),
            false => private.display().to_string(),
        };
        SshError::NoPrivateKey { public, private }
    }
}

/// A signature that the server refuses, or that cannot be made, is the file's fault.
fn file_error(path: &Path, error: LoginError) -> EnterError {
    let problem = match error {
        LoginError::BadSignature => KeyFileProblem::OtherKey,
        LoginError::NotSigned => KeyFileProblem::Unknown,
        LoginError::Denied | LoginError::Lost(_) => return EnterError::Again(error),
    };
    let path = path.to_owned();
    SshError::KeyFile { path, problem }.into()
}
