//! Everything by which the sandbox can fail, and what to do about it.

use std::borrow::Cow;
use std::io;
use std::path::PathBuf;

use crate::support::hint::Hint;

/// Why there is no sandbox.
#[derive(Debug, thiserror::Error)]
pub enum SandboxError {
    /// A file of the sandbox cannot be read or written.
    #[error("cannot use `{}`: {source}", path.display())]
    File {
        /// Which.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// There is no Python that can run moto.
    #[error("the sandbox needs Python 3.10 or newer with its `venv` module: {0}")]
    NoPython(String),
    /// What moto needs could not be installed.
    #[error("what the sandbox needs could not be installed from PyPI: {0}")]
    Install(String),
    /// The image of the servers could not be made.
    #[error("the image of the sandbox's servers could not be made: {0}")]
    Image(String),
    /// The process did not begin.
    #[error("the sandbox's process did not start: {reason}; it wrote to `{}`", log.display())]
    NotStarted {
        /// What it said.
        reason: String,
        /// Where it says more.
        log: PathBuf,
    },
    /// The process is there and does not do what it is asked.
    #[error("the sandbox's process does not answer: {0}")]
    Silent(String),
    /// What the sandbox made could not be removed.
    #[error("not everything of the sandbox could be removed: {0}")]
    Left(String),
}

impl SandboxError {
    /// Makes the error of a file.
    pub(super) fn file(path: impl Into<PathBuf>) -> impl FnOnce(io::Error) -> Self {
        let path = path.into();
        move |source| Self::File { path, source }
    }
}

impl Hint for SandboxError {
    fn hint(&self) -> Cow<'static, str> {
        Cow::from(match self {
            Self::File { .. } => {
                "XDG_STATE_HOME and XDG_CACHE_HOME lead to other folders, if you want that"
            }
            Self::NoPython(_) => {
                "install it (`apt-get install python3-venv` on Debian and Ubuntu), or name one \
                 in LABCTL_SANDBOX_PYTHON"
            }
            Self::Install(_) => {
                "PyPI, or the index that pip is configured for, must be reachable once; then run \
                 it again"
            }
            Self::Image(_) => {
                "look at what is said above; LABCTL_SANDBOX_IMAGE names an image of your own, \
                 and LABCTL_SANDBOX_ENGINE=none does without servers"
            }
            Self::NotStarted { .. } | Self::Silent(_) => {
                "`labctl sandbox down` ends what is left of it; `labctl sandbox reset` forgets \
                 its account too"
            }
            Self::Left(_) => "run it again; what is left carries the label `labctl.sandbox`",
        })
    }
}
