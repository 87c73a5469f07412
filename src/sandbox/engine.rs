//! The container engine, in which the sandbox's servers run.

use std::fmt;
use std::io::ErrorKind;
use std::process::Command;

use super::{Tell, shell};

/// Chooses an engine, or none.
const VARIABLE: &str = "LABCTL_SANDBOX_ENGINE";

/// A container engine that answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Engine {
    /// Docker Engine, or Docker Desktop.
    Docker,
    /// Podman.
    Podman,
}

/// What was found.
#[derive(Debug)]
pub struct Found {
    /// The engine, if one answers.
    pub engine: Option<Engine>,
    /// Why there is none, and how to get one.
    pub problem: String,
}

impl Engine {
    const ALL: [Self; 2] = [Self::Docker, Self::Podman];

    /// The name of its program.
    pub const fn program(self) -> &'static str {
        match self {
            Self::Docker => "docker",
            Self::Podman => "podman",
        }
    }

    /// Why it does not answer; none if it does.
    async fn silence(self) -> Option<String> {
        let mut command = Command::new(self.program());
        // Docker's client alone also tells its own version.
        command.arg(match self {
            Self::Docker => "version",
            Self::Podman => "info",
        });
        match shell::quietly(command).await {
            Ok(ended) if ended.is_ok() => None,
            Ok(ended) => Some(format!("{self}: {}", ended.last())),
            Err(error) if error.kind() == ErrorKind::NotFound => {
                Some(format!("{self} is not installed"))
            }
            Err(error) => Some(format!("{self}: {error}")),
        }
    }
}

impl fmt::Display for Engine {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Docker => "Docker",
            Self::Podman => "Podman",
        })
    }
}

/// Finds an engine that answers; Docker is asked first.
pub async fn find(tell: Tell<'_>) -> Found {
    let chosen = std::env::var(VARIABLE).unwrap_or_default();
    if chosen == "none" {
        return Found {
            engine: None,
            problem: format!("{VARIABLE} is `none`"),
        };
    }
    let candidates = Engine::ALL.into_iter();
    let candidates = candidates.filter(|engine| chosen.is_empty() || chosen == engine.program());
    let mut problems = Vec::new();
    for engine in candidates {
        tell("looking for a container engine");
        match engine.silence().await {
            None => {
                return Found {
                    engine: Some(engine),
                    problem: String::new(),
                };
            }
            Some(problem) => problems.push(problem),
        }
    }
    if problems.is_empty() {
        problems.push(format!(
            "{VARIABLE} is neither `docker`, `podman` nor `none`"
        ));
    }
    Found {
        engine: None,
        problem: problems.join("; "),
    }
}
