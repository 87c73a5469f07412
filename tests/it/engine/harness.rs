//! A lab on a cloud in memory, and what can be done with it.

use std::cell::Cell;
use std::collections::BTreeMap;
use std::time::Duration;

use labctl::cloud::api::{CallError, Cloud, Read};
use labctl::cloud::apply::{Applying, Event, Outcome};
use labctl::cloud::diff::{Change, ChangeSet};
use labctl::cloud::graph;
use labctl::cloud::planning::{self, Laptop, Planned};
use labctl::cloud::resources::{Scope, StepError};
use labctl::plan::{self, Plan};

use crate::memory_cloud::{Inventory, Memory, Options};

pub const ACCOUNT: &str = "123456789012";
pub const KEY: &str =
    "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAABAgMEBQYHCAkKCwwNDg8QERITFBUWFxgZGhscHR4f me@laptop";
pub const OTHER_KEY: &str =
    "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIGRlZmdoaWprbG1ub3BxcnN0dXZ3eHl6e3x9fn+AgYKD";

/// A plan in which every kind of resource is used.
pub const WHOLE: &str = r#"
lab: penguins
region: us-east-1
tags: { project: birds }
network: dedicated
instance:
  image: ubuntu-24.04
  instance_type: t3.micro
  key_pair: key.pub
  root_volume: { size: 30 GiB, type: gp3 }
elastic_ip: true
security_group:
  ingress:
    - { port: 22, from: [my-ip], description: SSH }
    - { port: 443, from: [anywhere] }
bucket:
  name: penguins-data
  versioning: true
  instance_access: read-write
dns:
  zone: penguins.shop
  records:
    - { name: "@", type: A, value: elastic-ip }
    - { name: "*", type: A, value: elastic-ip }
    - { name: www, type: CNAME, value: "@" }
github_actions: { repository: me/penguins }
"#;

/// A plan without the parts that are slow to tell apart.
pub const SMALL: &str = r#"
lab: small
region: us-east-1
instance: { image: ubuntu-24.04, instance_type: t3.micro, key_pair: key.pub }
elastic_ip: true
security_group:
  ingress:
    - { port: 22, from: [my-ip], description: SSH }
"#;

/// A plan, its laptop, and the cloud that the lab is in.
pub struct Lab {
    pub memory: Memory,
    pub text: String,
    pub laptop: Laptop,
    /// What there was before the lab.
    pub before: Inventory,
}

/// What `destroy` may do.
#[derive(Clone, Copy, Default)]
pub struct Destroying {
    pub delete_zone: bool,
    pub empty_bucket: bool,
}

/// Deletes all that can be deleted.
pub const ALL: Destroying = Destroying {
    delete_zone: true,
    empty_bucket: true,
};

pub fn laptop(key: &str) -> Laptop {
    Laptop {
        certificate: None,
        authorized_keys: BTreeMap::new(),
        public_key: key.parse().unwrap(),
        my_ip: Some("203.0.113.9".parse().unwrap()),
        folders: plan::LocalFolders::default(),
    }
}

pub fn parse(text: &str) -> Plan {
    match plan::parse("lab.yaml", text) {
        Ok(parsed) => parsed.plan,
        Err(problems) => panic!(
            "{}\n{text}",
            plan::render(&problems.problems, &problems.source, false)
        ),
    }
}

/// A world in which states last and new things stay unseen for a while.
pub fn slow() -> Options {
    Options {
        propagation: Duration::from_secs(5),
        transition: Duration::from_secs(20),
        ..Options::default()
    }
}

impl Lab {
    /// Makes a plan for an account in which everything is ready at once.
    pub fn new(text: &str) -> Self {
        Self::with(Options::default(), text)
    }

    pub fn with(options: Options, text: &str) -> Self {
        let region = parse(text).region.to_string();
        Self::on(Memory::with_options(ACCOUNT, &region, options), text)
    }

    /// Makes a plan for an account in which there is something already.
    pub fn on(memory: Memory, text: &str) -> Self {
        fastrand::seed(7);
        let memory = memory.in_region(parse(text).region.as_str());
        Self {
            before: memory.snapshot(),
            memory,
            text: text.to_owned(),
            laptop: laptop(KEY),
        }
    }

    /// Edits the plan.
    pub fn edit(&mut self, from: &str, to: &str) {
        assert!(self.text.contains(from), "`{from}` is not in the plan");
        self.text = self.text.replace(from, to);
    }

    /// Takes a section out of the plan: from its name to the next one.
    pub fn remove_section(&mut self, name: &str) {
        let start = self.text.find(&format!("\n{name}:")).unwrap() + 1;
        let rest = &self.text[start..];
        let lines = rest.split_inclusive('\n').skip(1);
        let inside = lines.take_while(|line| line.starts_with(' '));
        let length = rest.find('\n').unwrap() + 1 + inside.map(str::len).sum::<usize>();
        self.text.replace_range(start..start + length, "");
    }

    pub async fn plan_through(&self, cloud: &dyn Read) -> Result<Planned, CallError> {
        planning::plan(cloud, &parse(&self.text), &self.laptop).await
    }

    pub async fn plan(&self) -> Planned {
        self.plan_through(&self.memory).await.unwrap()
    }

    /// Plans and applies as the command does: never where something is refused or in the way.
    pub async fn apply_through(&self, cloud: &dyn Cloud) -> Result<Outcome, CallError> {
        let planned = self.plan_through(cloud).await?;
        assert_eq!(planned.set.refusals, []);
        assert_eq!(
            planned.set.conflicts().count(),
            0,
            "{:?}",
            actions(&planned.set)
        );
        Ok(run(cloud, &planned, false).await)
    }

    /// Plans and applies, whatever comes of it.
    pub async fn try_apply(&self) -> Outcome {
        self.apply_through(&self.memory).await.unwrap()
    }

    /// Plans and applies, and all must go well.
    pub async fn apply(&self) -> Outcome {
        let outcome = self.try_apply().await;
        assert_eq!(complaints(&outcome), Vec::<String>::new());
        outcome
    }

    pub async fn destroy_through(
        &self,
        cloud: &dyn Cloud,
        options: Destroying,
    ) -> Result<Outcome, CallError> {
        let scope = Scope::of(&parse(&self.text));
        let planned = planning::plan_destroy(cloud, scope, options.delete_zone).await?;
        Ok(run(cloud, &planned, options.empty_bucket).await)
    }

    /// Takes the lab down, and all must go well.
    pub async fn destroy(&self, options: Destroying) {
        let outcome = self.destroy_through(&self.memory, options).await.unwrap();
        assert_eq!(complaints(&outcome), Vec::<String>::new());
    }

    /// What a plan would do now, a line for each resource that it touches.
    pub async fn actions(&self) -> Vec<String> {
        actions(&self.plan().await.set)
    }

    pub async fn check_nothing_to_do(&self) {
        assert_eq!(self.actions().await, Vec::<String>::new());
    }

    /// Checks that everything is in the cloud that the plan names, just as it says, and nothing more.
    pub fn check_exactly_the_lab(&self) {
        assert_eq!(super::inspection::faults(self), Vec::<String>::new());
    }

    /// Checks that the cloud is as it was before the lab, and that what was there already is untouched.
    pub fn check_nothing_left(&self) {
        let now = self.memory.snapshot().living();
        assert_eq!(
            super::picture::differences(&self.before, &now),
            Vec::<String>::new()
        );
    }
}

/// Runs the steps of a change set.
pub async fn run(cloud: &dyn Cloud, planned: &Planned, empty_bucket: bool) -> Outcome {
    let graph = graph::build(&planned.set).unwrap();
    let listener = |_: &Event<'_>| {};
    let applying = Applying {
        cloud,
        scope: &planned.scope,
        lookups: &planned.lookups,
        live: &planned.live,
        empty_bucket,
        deadline: None,
        stops_at_failure: false,
        interrupted: &Cell::new(false),
        listener: &listener,
    };
    applying.apply(&graph).await
}

/// What went wrong in an apply.
pub fn complaints(outcome: &Outcome) -> Vec<String> {
    let failed = outcome
        .failed
        .iter()
        .map(|(step, error)| format!("{} {} failed: {}", step.verb(), step.name(), told(error)));
    let skipped = outcome
        .skipped
        .iter()
        .map(|step| format!("{} skipped", step.name()));
    let withheld = outcome
        .withheld
        .iter()
        .map(|step| format!("{} withheld", step.name()));
    failed.chain(skipped).chain(withheld).collect()
}

/// The one error that an apply ended with.
pub fn sole_error(outcome: &Outcome) -> String {
    assert_eq!(outcome.failed.len(), 1, "{:?}", complaints(outcome));
    told(&outcome.failed[0].1)
}

/// An error as the user reads it: what happened, and what to do.
fn told(error: &StepError) -> String {
    match error {
        StepError::Blocked { what, help } => format!("{what}; {help}"),
        other => other.to_string(),
    }
}

/// A change set in a few words: `update instance [instance_type]`.
pub fn actions(set: &ChangeSet) -> Vec<String> {
    let word = |change: &Change| match change {
        Change::None(_) => None,
        Change::Create(_) => Some("create"),
        Change::Update(_) => Some("update"),
        Change::Replace(_) => Some("replace"),
        Change::Delete(_) => Some("delete"),
        Change::Conflict(_) => Some("conflict"),
        Change::Kept(_) => Some("kept"),
    };
    let line = |change: &Change| {
        let fields: Vec<&str> = change
            .fields()
            .iter()
            .map(|field| field.path.as_str())
            .collect();
        let address = change.address();
        Some(match fields.as_slice() {
            [] => format!("{} {address}", word(change)?),
            fields => format!("{} {address} [{}]", word(change)?, fields.join(" ")),
        })
    };
    set.changes.iter().filter_map(line).collect()
}

/// Lets virtual time pass.
pub async fn pass(seconds: u64) {
    tokio::time::sleep(Duration::from_secs(seconds)).await;
}
