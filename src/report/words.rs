//! The words for kinds, actions and reasons, the same in text and in JSON.

use std::time::Duration;

use crate::cloud::diff::{Change, Conflict};
use crate::cloud::graph::Step;
use crate::cloud::resource::{Owner, Standing};
use crate::cloud::resources::LiveResource;
use crate::cloud::resources::{Body, Kind};

/// Counts things: `1 restart`, `2 restarts`.
pub fn counted(count: usize, noun: &str) -> String {
    match count {
        1 => format!("1 {noun}"),
        _ => format!("{count} {noun}s"),
    }
}

/// The word for a change's action.
pub const fn action(change: &Change) -> &'static str {
    match change {
        Change::None(_) => "none",
        Change::Create(_) => "create",
        Change::Update(_) => "update",
        Change::Replace(_) => "replace",
        Change::Delete(_) => "delete",
        Change::Conflict(_) => "conflict",
        Change::Kept(_) => "kept",
    }
}

/// What a kind is called in a sentence.
pub const fn noun(kind: Kind) -> &'static str {
    match kind {
        Kind::KeyPair => "key pair",
        Kind::Vpc => "network",
        Kind::InternetGateway => "internet gateway",
        Kind::Subnet => "subnet",
        Kind::RouteTable => "route table",
        Kind::SecurityGroup => "security group",
        Kind::Bucket => "bucket",
        Kind::Role | Kind::GithubRole | Kind::UsersRole => "role",
        Kind::InstanceProfile => "instance profile",
        Kind::Instance => "server",
        Kind::ElasticIp => "Elastic IP",
        Kind::Zone => "hosted zone",
        Kind::Record => "record",
        Kind::OidcProvider => "identity provider",
    }
}

/// What is lost with a resource that holds data.
pub const fn loss(kind: Kind) -> &'static str {
    match kind {
        Kind::Instance => "the server and its disk, with the data on it",
        Kind::Bucket => "the bucket, with what is in it",
        Kind::Zone => "the zone, with its name servers",
        _ => "nothing that an apply does not bring back",
    }
}

/// The name of a resource that people know it by, where its id is not that.
pub fn title(body: &Body) -> Option<&str> {
    match body {
        Body::Bucket(bucket) => Some(&bucket.name),
        Body::Zone(zone) => Some(&zone.name),
        Body::KeyPair(key_pair) => Some(&key_pair.name),
        Body::SecurityGroup(group) => Some(&group.name),
        Body::Role(role) => Some(&role.name),
        Body::GithubRole(role) => Some(&role.role.name),
        Body::UsersRole(users) => Some(&users.role.name),
        Body::InstanceProfile(profile) => Some(&profile.name),
        _ => None,
    }
}

/// Why something is as it is, and the ways out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reason {
    /// Why.
    pub why: String,
    /// What to do about it, one way each.
    pub ways: Vec<String>,
}

impl Reason {
    /// The reason on one line.
    pub fn sentence(&self) -> String {
        let mut parts = vec![self.why.clone()];
        parts.extend(self.ways.iter().cloned());
        parts.join("; ")
    }
}

/// Why a resource is not deleted.
pub fn kept(live: &LiveResource) -> Reason {
    let kind = live.address.kind();
    let name = title(&live.body).unwrap_or(&live.id);
    let why = match (live.standing, kind) {
        (Standing::Duplicate, _) => format!("{}, and may hold data", duplicate()),
        (_, Kind::Zone) => {
            format!("`{name}` stays: a new zone would get other name servers")
        }
        _ => format!("`{name}` is not in the plan any more, and stays because it holds data"),
    };
    let way = match kind {
        Kind::Zone => "`labctl destroy --delete-zone` deletes it".to_owned(),
        Kind::Bucket => {
            "delete it by hand, or with the whole lab by `labctl destroy --empty-bucket`".to_owned()
        }
        Kind::Instance => format!(
            "once nothing on it is needed: `aws ec2 terminate-instances --instance-ids {}`",
            live.id
        ),
        _ => "delete it by hand".to_owned(),
    };
    let ways = vec![way];
    Reason { why, ways }
}

/// What a duplicate is.
pub const fn duplicate() -> &'static str {
    "a second one, left behind by an interrupted run"
}

/// What is in the way of a resource, and what can be done about it.
pub fn conflict(conflict: &Conflict) -> Reason {
    let address = &conflict.desired.address;
    let noun = noun(address.kind());
    let name = title(&conflict.desired.body).unwrap_or_default();
    let why = match &conflict.owner {
        Owner::Lab | Owner::Other => None,
        Owner::OtherForm(form) => Some(format!(
            "{noun} `{}` is there already and is not this lab's: it is {form}, for which a plan has no words",
            match &conflict.desired.body {
                Body::Record(record) => record.name.as_str(),
                _ => name,
            }
        )),
        Owner::OtherAccount => Some(format!("{noun} `{name}` belongs to another account")),
        Owner::OutOfReach => Some(format!(
            "{noun} `{name}` is there already and out of reach: it is in another account or region, \
             or these credentials may not read it"
        )),
    };
    if let Some(why) = why {
        let ways = vec![other_name(address.kind()).to_owned()];
        return Reason { why, ways };
    }
    if let [_, _, ..] = conflict.ids.as_slice() {
        return Reason {
            why: format!(
                "there are {} of the name `{name}`, and labctl cannot tell which is meant: {}",
                counted(conflict.ids.len(), noun),
                conflict.ids.join(", ")
            ),
            ways: vec![format!(
                "name the one to use by `labctl adopt {} ID`",
                quoted(address)
            )],
        };
    }
    let id = conflict.ids.first().map_or("ID", String::as_str);
    let why = match name {
        "" => format!("a {noun} is there already and is not this lab's: `{id}`"),
        name => format!("a {noun} `{name}` is there already and is not this lab's"),
    };
    Reason {
        why,
        ways: vec![
            format!(
                "take it into the lab by `labctl adopt {} {}`",
                quoted(address),
                quoted(id)
            ),
            format!("or {}", other_name(address.kind())),
        ],
    }
}

/// How to keep out of the way of what is there already.
const fn other_name(kind: Kind) -> &'static str {
    match kind {
        Kind::Bucket => "write another name in the plan's `bucket.name`",
        Kind::Record => "take the record out of the plan's `dns.records`",
        _ => "write another name in the plan's `lab`",
    }
}

/// Quotes a word for the shell, where it would mean something else to it.
fn quoted(word: impl std::fmt::Display) -> String {
    let word = word.to_string();
    match shlex::try_quote(&word) {
        Ok(quoted) => quoted.into_owned(),
        // No shell takes a NUL; it is shown, not run.
        Err(_) => harmless(&word),
    }
}

/// A step's name on a line of progress; a batch of many records is counted.
pub fn step_name(step: &Step) -> String {
    match step.addresses.len() {
        0..=3 => step.name(),
        count => format!("{count} records"),
    }
}

/// What a step is doing.
pub fn doing(step: &Step) -> &'static str {
    match step.verb() {
        "create" => "creating",
        "attach" => "attaching",
        "delete" => "deleting",
        _ => "updating",
    }
}

/// What a step has done.
pub fn done(step: &Step) -> &'static str {
    match step.verb() {
        "create" => "created",
        "attach" => "attached",
        "delete" => "deleted",
        _ => "updated",
    }
}

/// Writes a time for people: `12.3 s`, `2 min 5 s`.
pub fn time(time: Duration) -> String {
    match time.as_secs() {
        0..=59 => format!("{:.1} s", time.as_secs_f64()),
        seconds => format!("{} min {} s", seconds / 60, seconds % 60),
    }
}

pub use crate::support::terminal_escapes::harmless;
