//! The values that reading and writing have in common.

use std::time::Duration;

use crate::cloud::api::CallError;
use crate::cloud::resource::{Observed, Tags, present};
use crate::plan::Upload;

/// Which lab is meant, and where its parts are to be looked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Scope {
    /// The lab's name.
    pub lab: String,
    /// The region that the lab is in.
    pub region: String,
    /// The plan's own tags.
    pub tags: Tags,
    /// The plan's bucket.
    pub bucket: Option<String>,
    /// The laptop's model that is to be in the bucket.
    pub model: Option<Upload>,
    /// The plan's zone.
    pub zone: Option<String>,
    /// The network that is given in the plan.
    pub vpc: Option<String>,
    /// The subnet in it that is given in the plan.
    pub subnet: Option<String>,
    /// The availability zone that is given in the plan.
    pub availability_zone: Option<String>,
    /// Whether the plan has a network of its own.
    pub dedicated_network: bool,
    /// Whether the plan has a role for GitHub Actions.
    pub github: bool,
    /// Whether the plan has users with access to the bucket, who have a role of their own.
    pub users: bool,
}

impl Scope {
    /// The zone that something is in, where the plan says one: else it does not count.
    pub fn zone_said(&self, zone: Option<&str>) -> Option<String> {
        let zone = zone.filter(|_| self.availability_zone.is_some());
        zone.map(str::to_owned)
    }

    /// The name of the server's role and instance profile. IAM knows no
    /// regions, so the name says which one is meant.
    pub fn role_name(&self) -> String {
        role_name(&self.lab, &self.region)
    }

    /// The name of the role of GitHub Actions.
    pub fn github_role_name(&self) -> String {
        github_role_name(&self.role_name())
    }

    /// The name of the role of the server's users.
    pub fn users_role_name(&self) -> String {
        users_role_name(&self.role_name())
    }
}

/// The name of the server's role and instance profile in a lab.
pub fn role_name(lab: &str, region: &str) -> String {
    format!("{lab}-{region}")
}

/// The name of the role of GitHub Actions beside the server's.
pub fn github_role_name(role: &str) -> String {
    format!("{role}-github")
}

/// The name of the role of the server's users beside the server's own.
pub fn users_role_name(role: &str) -> String {
    format!("{role}-users")
}

/// What had to be looked up before anything could be created.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Lookups {
    /// The AMI to start from, and its root device's name.
    pub image: Option<(String, String)>,
    /// The default subnets to start the server in, in the order in which they are tried.
    pub default_subnets: Vec<String>,
    /// The default VPC.
    pub default_vpc: Option<String>,
    /// The zone for a subnet of the lab's own, in which the type is sold.
    pub availability_zone: Option<String>,
}

/// A resource that exists: what others need to refer to it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Handle {
    /// AWS's id.
    pub id: String,
    /// What AWS made up for it.
    pub observed: Observed,
}

impl Handle {
    /// Makes a handle of which only the id is known.
    pub fn of(id: impl Into<String>) -> Self {
        Self {
            id: id.into(),
            observed: Observed::default(),
        }
    }
}

/// A step that failed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum StepError {
    /// AWS refused, or could not be reached.
    #[error(transparent)]
    Call(#[from] CallError),
    /// Something did not come about in time.
    #[error("waited {} s for {awaited}", .waited.as_secs())]
    TimedOut {
        /// What was waited for.
        awaited: String,
        /// How long.
        waited: Duration,
    },
    /// Something is in the way.
    #[error("{what}")]
    Blocked {
        /// What it is.
        what: String,
        /// What to do about it.
        help: String,
    },
    /// Another run on the same lab was faster, and goes on alone.
    #[error("another run of labctl on this lab is at work, and was faster")]
    LostRace,
    /// AWS's answer lacks what it must have.
    #[error("AWS's answer to {operation} has no {missing}")]
    Incomplete {
        /// The operation that was asked.
        operation: &'static str,
        /// What its answer lacks.
        missing: &'static str,
    },
}

/// Takes from an answer the id that it must have.
///
/// # Errors
/// [`StepError::Incomplete`] where it is not there.
pub fn required(
    id: Option<String>,
    operation: &'static str,
    missing: &'static str,
) -> Result<String, StepError> {
    present(id.as_deref())
        .map(str::to_owned)
        .ok_or(StepError::Incomplete { operation, missing })
}

impl StepError {
    /// Says what is in the way, and what to do about it.
    pub fn blocked(what: impl Into<String>, help: impl Into<String>) -> Self {
        Self::Blocked {
            what: what.into(),
            help: help.into(),
        }
    }

    /// AWS's error code, or an empty text.
    pub fn code(&self) -> &str {
        match self {
            Self::Call(error) => error.code(),
            _ => "",
        }
    }
}
