//! Everything by which a command can fail, and the exit code of each.

use std::process::ExitCode;

use crate::cloud::api::CallError;
use crate::cloud::resources::StepError;
use crate::host::{HostError, RenderError};
use crate::plan::{FindError, LoadError, Problem, Problems, Source};
use crate::report::{Explanation, Out, explain};
use crate::sandbox::SandboxError;
use crate::support::hint::Hint;

const FAILED: u8 = 1;
const INTERRUPTED: u8 = 130;

/// Why a command did not do what it was asked.
#[derive(Debug)]
pub enum Failure {
    /// The plan file, or what it asks for, is wrong at these places.
    Problems(Problems),
    /// Something else is wrong; what, and what to do.
    Said(Explanation),
    /// AWS refused, or could not be reached.
    Call(CallError),
    /// It failed, and what there is to say has been said.
    Reported,
    /// The user interrupted.
    Interrupted,
}

impl Failure {
    /// Makes a failure of a sentence and a hint.
    pub fn said(summary: impl Into<String>, help: impl Into<String>) -> Self {
        Self::Said(Explanation {
            summary: summary.into(),
            help: Some(help.into()),
            detail: None,
        })
    }

    /// Makes a failure of problems with places in a plan file.
    pub fn problems(source: Source, problems: Vec<Problem>) -> Self {
        Self::Problems(Problems::new(source, problems))
    }

    /// Says in a few words what is wrong, for those who go on without.
    pub fn summary(&self) -> String {
        match self {
            Self::Problems(problems) => {
                let first = problems.problems.first();
                first.map_or_else(String::new, |problem| problem.summary.clone())
            }
            Self::Said(explanation) => explanation.summary.clone(),
            Self::Call(error) => explain::call_error(error).summary,
            Self::Reported | Self::Interrupted => "it was interrupted".to_owned(),
        }
    }

    /// Tells the user, and gives the exit code.
    pub fn report(&self, out: &Out) -> ExitCode {
        match self {
            Self::Problems(problems) => out.problems(problems),
            Self::Said(explanation) => out.error(explanation),
            Self::Call(error) => out.error(&explain::call_error(error)),
            Self::Reported | Self::Interrupted => {}
        }
        ExitCode::from(match self {
            Self::Interrupted => INTERRUPTED,
            _ => FAILED,
        })
    }
}

impl From<CallError> for Failure {
    fn from(error: CallError) -> Self {
        Self::Call(error)
    }
}

impl From<StepError> for Failure {
    fn from(error: StepError) -> Self {
        Self::Said(explain::step_error(&error))
    }
}

impl From<RenderError> for Failure {
    fn from(error: RenderError) -> Self {
        Self::said(
            error.to_string(),
            "nothing was changed; if the value in the plan is as you want it, please report this",
        )
    }
}

impl From<HostError> for Failure {
    fn from(error: HostError) -> Self {
        let hint = error.hint();
        Self::said(error.to_string(), hint)
    }
}

impl From<SandboxError> for Failure {
    fn from(error: SandboxError) -> Self {
        let hint = error.hint();
        Self::said(error.to_string(), hint)
    }
}

impl From<LoadError> for Failure {
    fn from(error: LoadError) -> Self {
        match error {
            LoadError::Problems(problems) => Self::Problems(problems),
            LoadError::Io { path, source } => Self::said(
                format!("cannot read the plan file `{}`: {source}", path.display()),
                "name another by `--file`, or write a first one by `labctl init`",
            ),
        }
    }
}

impl From<FindError> for Failure {
    fn from(error: FindError) -> Self {
        Self::said(
            error.to_string(),
            "name the plan by `--file FILE`, or write a first one by `labctl init`",
        )
    }
}
