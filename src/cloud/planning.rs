//! Plan and live state → change set: the stages up to the question whether to
//! apply, for all commands. It is given a cloud that can only be read.

use std::collections::BTreeMap;
use std::net::IpAddr;

use crate::cloud::api::{CallError, Read};
use crate::cloud::diff::{self, ChangeSet, Refusal};
use crate::cloud::lower::{self, Inputs};
use crate::cloud::preflight;
use crate::cloud::remarks;
use crate::cloud::resource::Address;
use crate::cloud::resources::{self, Kind, LiveLab, Lookups, Reader, Scope};
use crate::plan::{CertificateFiles, LocalFolders, Plan, SshPublicKey};

/// What comes from the laptop rather than from the plan or from AWS.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Laptop {
    /// The public key that the plan's `key_pair` names.
    pub public_key: SshPublicKey,
    /// The address that stands for `my-ip`.
    pub my_ip: Option<IpAddr>,
    /// The lines for the users' `authorized_keys`.
    pub authorized_keys: BTreeMap<String, Vec<String>>,
    /// The folders that the plan names.
    pub folders: LocalFolders,
    /// The organisation's own certificate, in the mode `files`.
    pub certificate: Option<CertificateFiles>,
}

/// A lab as it is, and what is to be done about it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Planned {
    /// Which lab.
    pub scope: Scope,
    /// As it is.
    pub live: LiveLab,
    /// What is to be done.
    pub set: ChangeSet,
    /// What was looked up for what is to be created.
    pub lookups: Lookups,
    /// What else the user should know.
    pub notes: Vec<String>,
}

/// Reads the lab and compares it with the plan.
pub async fn plan(cloud: &dyn Read, plan: &Plan, laptop: &Laptop) -> Result<Planned, CallError> {
    let scope = Scope {
        model: laptop.folders.upload(plan),
        ..Scope::of(plan)
    };
    let live = resources::read(&Reader::new(cloud, &scope)).await?;
    let mut set = compare(plan, &scope, laptop, &live);
    let lookups = preflight::preflight(cloud, &scope, &live, &mut set).await?;
    let notes = remarks::remarks(plan, laptop.my_ip, &live, &set);
    Ok(Planned {
        scope,
        live,
        set,
        lookups,
        notes,
    })
}

/// Compares the lab as it was read with the plan. Pure.
pub fn compare(plan: &Plan, scope: &Scope, laptop: &Laptop, live: &LiveLab) -> ChangeSet {
    let inputs = Inputs {
        public_key: laptop.public_key.clone(),
        my_ip: laptop.my_ip,
        account: live.account.clone(),
    };
    let mut desired = lower::lower(plan, scope, &inputs);
    lower::keep_notes(&mut desired, &live.resources);
    let mut set = diff::diff(&desired, &live.resources);
    set.refusals.extend(foreign_boundary(plan, &live.account));
    set
}

/// A boundary is one of the account's own policies, or of AWS's: so it is told before the first write, in which IAM would
/// say only that there is no such policy.
fn foreign_boundary(plan: &Plan, account: &str) -> Option<Refusal> {
    let boundary = plan.permissions_boundary.as_ref()?;
    let other = boundary.account().filter(|other| *other != account)?;
    Some(Refusal {
        address: Address::of(Kind::Role),
        path: "permissions_boundary".to_owned(),
        summary: format!(
            "the policy is the account {other}'s, and the lab is in the account {account}"
        ),
        help: format!("name a policy of the account {account}, or use that account's credentials"),
    })
}

/// Reads the lab and says what taking it down means.
pub async fn plan_destroy(
    cloud: &dyn Read,
    scope: Scope,
    delete_zone: bool,
) -> Result<Planned, CallError> {
    let live = resources::read(&Reader::new(cloud, &scope)).await?;
    let set = diff::destroy(&live.resources, delete_zone);
    Ok(Planned {
        scope,
        live,
        set,
        lookups: Lookups::default(),
        notes: Vec::new(),
    })
}
