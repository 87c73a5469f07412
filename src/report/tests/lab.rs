//! A lab to look at: from a plan's text, through the real stages.

use std::collections::BTreeMap;

use crate::cloud::diff::{self, ChangeSet};
use crate::cloud::lower::{self, Inputs};
use crate::cloud::resource::{Observed, Owner, Power, Standing};
use crate::cloud::resources::{DesiredResource, LiveResource};
use crate::cloud::resources::{Kind, LiveLab, Scope};
use crate::plan;
use crate::report::PlanView;

/// A plan with little in it.
pub const BARE: &str = "
lab: penguins
region: us-east-1
network: default
instance: { image: ubuntu-24.04, instance_type: t3.micro, key_pair: key.pub }
elastic_ip: false
security_group: { ingress: [{ port: 22, from: [192.0.2.7/32], description: SSH }] }
";

/// A plan with most in it.
pub const FULL: &str = "
lab: penguins
region: us-east-1
tags: { project: penguins }
network: default
instance: { image: ubuntu-24.04, instance_type: t3.micro, key_pair: key.pub }
elastic_ip: true
security_group:
  ingress:
    - { port: 22, from: [192.0.2.7/32], description: SSH }
    - { port: 443, from: [anywhere] }
bucket: { name: penguins-data, versioning: true, instance_access: read-write }
dns:
  zone: penguins.example
  records:
    - { name: '@', type: A, value: elastic-ip }
    - { name: www, type: CNAME, value: '@' }
";

const ACCOUNT: &str = "123456789012";
const KEY: &str =
    "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAABAgMEBQYHCAkKCwwNDg8QERITFBUWFxgZGhscHR4f";

/// What a plan wants.
pub fn desired(text: &str) -> Vec<DesiredResource> {
    let parsed = plan::parse("lab.yaml", text).unwrap_or_else(|problems| {
        panic!(
            "{}",
            plan::render(&problems.problems, &problems.source, false)
        )
    });
    let inputs = Inputs {
        public_key: KEY.parse().unwrap(),
        my_ip: None,
        account: ACCOUNT.to_owned(),
    };
    lower::lower(&parsed.plan, &Scope::of(&parsed.plan), &inputs)
}

/// What there is once a plan has been applied.
pub fn live(text: &str) -> LiveLab {
    let resources = desired(text).into_iter().map(|desired| LiveResource {
        id: id(desired.address.kind(), &desired),
        owner: Owner::Lab,
        standing: Standing::Current,
        observed: observed(desired.address.kind()),
        address: desired.address,
        body: desired.body,
    });
    LiveLab {
        account: ACCOUNT.to_owned(),
        resources: resources.collect(),
        ended_instances: 0,
    }
}

fn id(kind: Kind, desired: &DesiredResource) -> String {
    match kind {
        Kind::Instance => "i-0abc".to_owned(),
        Kind::ElasticIp => "eipalloc-0abc".to_owned(),
        Kind::SecurityGroup => "sg-0abc".to_owned(),
        Kind::KeyPair => "key-0abc".to_owned(),
        Kind::Bucket => "penguins-data".to_owned(),
        Kind::Zone => "Z0ABC".to_owned(),
        Kind::Record => format!("Z0ABC/{}", desired.address),
        other => format!("penguins-{}", other.name()),
    }
}

fn observed(kind: Kind) -> Observed {
    match kind {
        Kind::Instance => Observed {
            public_ip: Some([203, 0, 113, 9].into()),
            power: Some(Power::Running),
            ..Observed::default()
        },
        Kind::ElasticIp => Observed {
            public_ip: Some([198, 51, 100, 4].into()),
            ..Observed::default()
        },
        _ => Observed::default(),
    }
}

/// The resource of a kind, to be changed.
pub fn of(live: &mut LiveLab, kind: Kind) -> &mut LiveResource {
    let mut resources = live.resources.iter_mut();
    resources.find(|live| live.address.kind() == kind).unwrap()
}

/// Nothing at all.
pub fn nothing() -> LiveLab {
    LiveLab {
        account: ACCOUNT.to_owned(),
        resources: Vec::new(),
        ended_instances: 0,
    }
}

/// Compares a plan with what there is.
pub fn compare(text: &str, live: &LiveLab) -> ChangeSet {
    diff::diff(&desired(text), &live.resources)
}

/// The view of a change set.
pub fn view<'a>(set: &'a ChangeSet, live: &'a LiveLab) -> PlanView<'a> {
    PlanView {
        lab: "penguins",
        region: "us-east-1",
        account: ACCOUNT,
        set,
        live,
        notes: &[],
        allowed: &[],
        full: false,
    }
}

/// Takes the styles out, and proves that each one ends.
pub fn plain(text: &str) -> String {
    let open = text.matches("\u{1b}[").count() - text.matches("\u{1b}[0m").count();
    assert!(
        open >= text.matches("\u{1b}[0m").count(),
        "a style is left open"
    );
    anstream::adapter::strip_str(text).to_string()
}

/// Replaces words of a plan.
pub fn edited(text: &str, changes: &[(&str, &str)]) -> String {
    let changes: BTreeMap<_, _> = changes.iter().copied().collect();
    changes
        .into_iter()
        .fold(text.to_owned(), |text, (old, new)| {
            assert!(text.contains(old), "{old}");
            text.replace(old, new)
        })
}
