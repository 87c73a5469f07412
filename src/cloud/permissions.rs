//! Which permissions labctl needs in AWS: one row for each operation of the
//! edge (`table`), put together to the least IAM policy with which a command
//! can do its work for one plan ([`policy`]). Pure.
//!
//! An operation without a row does not compile. What an action can be limited
//! to is AWS's own "Service Authorization Reference"; that a policy suffices,
//! and that nothing in it can be left out, is tested on recorded requests.

mod policy;
mod table;

pub use policy::{Names, makes_administrators, policy};
pub use table::action;

use clap::ValueEnum;

use crate::plan::{ModelLocation, Network, Plan};

/// A command, or several that need the same, for which a policy is made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Command {
    /// Shows what would be done
    Plan,
    /// Makes and changes the lab, a resize included
    Apply,
    /// Deletes the lab
    Destroy,
    /// Shows the lab
    Status,
    /// Starts the server
    Start,
    /// Stops the server
    Stop,
    /// Takes something that exists into the lab
    Adopt,
    /// Goes to the server: doctor, tunnel, logs, passwd too
    Ssh,
}

/// When an operation is called.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stage {
    /// The lab is read: every command begins so.
    Read,
    /// What is to be created is looked up.
    Look,
    /// Something is created or changed.
    Write,
    /// Something left the plan, is replaced, or the lab is destroyed.
    Drop,
    /// The lab is destroyed, with what apply never deletes.
    Destroy,
    /// The server is started.
    Start,
    /// The server is stopped.
    Stop,
    /// Something is adopted.
    Adopt,
    /// The server is gone to for the first time.
    Visit,
}

impl Command {
    /// The server is gone to for what the plan has it set up for, or because somebody wants to.
    fn visits(self, plan: &Plan) -> bool {
        self == Self::Ssh || plan.workbench.is_some()
    }

    const fn stages(self) -> &'static [Stage] {
        match self {
            Self::Plan => &[Stage::Read, Stage::Look, Stage::Visit],
            Self::Apply => &[
                Stage::Read,
                Stage::Look,
                Stage::Write,
                Stage::Drop,
                Stage::Visit,
            ],
            Self::Destroy => &[Stage::Read, Stage::Drop, Stage::Destroy],
            Self::Status => &[Stage::Read],
            Self::Start => &[Stage::Read, Stage::Start],
            Self::Stop => &[Stage::Read, Stage::Stop],
            Self::Adopt => &[Stage::Read, Stage::Look, Stage::Adopt],
            Self::Ssh => &[Stage::Read, Stage::Visit],
        }
    }
}

/// The part of a plan without which an operation is not called.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Part {
    /// Every lab has it.
    Lab,
    Address,
    Bucket,
    Profile,
    /// A role for the server's users.
    UsersRole,
    /// Any role: the server's, its users', or that of GitHub Actions.
    Role,
    /// Any role, in a plan with a permissions boundary.
    Bounded,
    /// Any role, in a plan without one: a boundary of before is taken off.
    Unbounded,
    Dns,
    Github,
    Network,
    /// A model in a folder of the laptop, which is uploaded.
    Model,
}

impl Part {
    fn is_in(self, plan: &Plan) -> bool {
        let has_profile = || {
            let bucket = plan.bucket.as_ref();
            let access = bucket.map(|bucket| bucket.instance_access);
            access.is_some_and(|access| access != crate::plan::Access::None)
                || Self::UsersRole.is_in(plan)
        };
        match self {
            Self::Lab => true,
            Self::Address => plan.elastic_ip,
            Self::Bucket => plan.bucket.is_some(),
            Self::Profile => has_profile() || !crate::plan::challenge_names(plan).is_empty(),
            Self::UsersRole => !crate::plan::bucket_users(plan).is_empty(),
            Self::Role => Self::Profile.is_in(plan) || Self::Github.is_in(plan),
            Self::Bounded => plan.permissions_boundary.is_some() && Self::Role.is_in(plan),
            Self::Unbounded => plan.permissions_boundary.is_none() && Self::Role.is_in(plan),
            Self::Dns => plan.dns.is_some(),
            Self::Github => plan.github_actions.is_some(),
            Self::Network => plan.network == Network::Dedicated,
            Self::Model => {
                let workbench = plan.workbench.as_ref();
                let api = workbench.and_then(|workbench| workbench.api.as_ref());
                api.is_some_and(|api| matches!(api.model, ModelLocation::Local(_)))
            }
        }
    }
}
