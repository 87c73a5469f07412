//! Why a conversation with a host fails, and what to do about it.

use std::borrow::Cow;

use crate::host::protocol::AnswerError;
use crate::host::ssh::{LinkError, SshError};
use crate::support::hint::Hint;

/// Why a host could not be read or changed.
#[derive(Debug, thiserror::Error)]
pub enum HostError {
    /// It could not be reached.
    #[error(transparent)]
    Ssh(#[from] SshError),
    /// Nothing is known that leads to it, for now.
    #[error("{reason}")]
    NoWay {
        /// Why.
        reason: String,
        /// What to do about it.
        hint: String,
    },
    /// The connection ended while the host was at work.
    #[error(transparent)]
    Link(#[from] LinkError),
    /// The user may not become root.
    #[error("`sudo` on the server wants a password or refuses: {0}")]
    NoSudo(String),
    /// There is no Python.
    #[error("there is no `python3` on the server")]
    NoPython,
    /// The program on the host broke.
    #[error("the program that labctl sent to the server ended with {status}: {stderr}")]
    Broke {
        /// The exit status.
        status: i32,
        /// What it said.
        stderr: String,
    },
    /// The answer is not in the form that was asked for.
    #[error(transparent)]
    Answer(#[from] AnswerError),
    /// The password was not set.
    #[error("the password was not set: {0}")]
    Password(String),
    /// Another apply is running.
    #[error("another apply, `{0}`, is running on the server")]
    Busy(String),
    /// The apply goes on, out of sight.
    #[error("the connection was lost, and the server has not been reached again: {0}")]
    OutOfSight(String),
    /// The archive could not be packed.
    #[error("the files cannot be packed: {0}")]
    Pack(#[from] std::io::Error),
}

impl HostError {
    /// Whether it is only that the server does not let labctl in, which can pass by itself while it boots.
    pub const fn is_transient(&self) -> bool {
        match self {
            Self::Ssh(error) => error.is_transient(),
            Self::NoWay { .. } => true,
            _ => false,
        }
    }

    /// Whether somebody else may have answered in the server's place.
    pub const fn may_be_impostor(&self) -> bool {
        matches!(self, Self::Ssh(error) if error.may_be_impostor())
    }
}

impl Hint for HostError {
    fn hint(&self) -> Cow<'static, str> {
        Cow::from(match self {
            Self::Ssh(error) => error.hint().into_owned(),
            Self::NoWay { hint, .. } => hint.clone(),
            Self::Link(_) => "nothing was changed; run it again".to_owned(),
            Self::NoSudo(_) => "labctl logs in as `ubuntu`, who may use `sudo` without a password \
                                on Ubuntu's images; let that user do so again (`sudo visudo`)"
                .to_owned(),
            Self::NoPython => {
                "use an image of Ubuntu or Debian, which have it, or install it: `labctl ssh`, \
                 then `sudo apt-get install python3`"
                    .to_owned()
            }
            Self::Broke { .. } | Self::Answer(_) | Self::Pack(_) => {
                "this is a defect of labctl: please report it with what stands above".to_owned()
            }
            Self::Password(_) => {
                "`labctl apply` makes the plan's users; then set the password again".to_owned()
            }
            Self::Busy(_) => "wait until it is done; `labctl apply` then goes on".to_owned(),
            Self::OutOfSight(_) => {
                "the apply goes on there by itself; `labctl apply` finds it and takes its verdict"
                    .to_owned()
            }
        })
    }
}
