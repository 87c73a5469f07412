//! The words of the flow: addresses, values, fields, and live resources.
//!
//! Desired and live resources have one type of properties, that of their kind.
//! Each kind tells its properties by a table of [`Field`]s; the diff, the order
//! of the steps and what is printed all come from that table.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::net::Ipv4Addr;
use std::str::FromStr;

use serde::{Serialize, Serializer};

use super::kind::Kind;

/// The name of one resource in a lab, such as `instance` or `record.www.CNAME`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Address {
    kind: Kind,
    key: Option<(String, String)>,
}

impl Address {
    /// Names the only resource of a kind.
    pub const fn of(kind: Kind) -> Self {
        Self { kind, key: None }
    }

    /// Names a record set by its name in the zone (`@` is the zone) and type.
    pub fn record(name: impl Into<String>, record_type: impl Into<String>) -> Self {
        Self {
            kind: Kind::Record,
            key: Some((name.into(), record_type.into())),
        }
    }

    /// The resource's kind.
    pub const fn kind(&self) -> Kind {
        self.kind
    }
}

impl fmt::Display for Address {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.key {
            None => formatter.pad(self.kind.name()),
            Some((name, record_type)) => {
                formatter.pad(&format!("{}.{name}.{record_type}", self.kind.name()))
            }
        }
    }
}

/// A text that is no address of a resource.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not an address; expected one of {known}, or `record.<name>.<TYPE>`", known = Kind::names())]
pub struct NotAnAddress(pub String);

impl FromStr for Address {
    type Err = NotAnAddress;

    fn from_str(text: &str) -> Result<Self, NotAnAddress> {
        let wrong = || NotAnAddress(text.to_owned());
        if let Some(rest) = text.strip_prefix("record.") {
            let (name, record_type) = rest.rsplit_once('.').ok_or_else(wrong)?;
            return Ok(Self::record(name, record_type.to_uppercase()));
        }
        match Kind::from_name(text) {
            None | Some(Kind::Record) => Err(wrong()),
            Some(kind) => Ok(Self::of(kind)),
        }
    }
}

impl Serialize for Address {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// A mention of another resource: by its address, or by an id that is not ours.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Reference {
    /// A resource of this lab.
    To(Address),
    /// Something in AWS that this lab does not manage.
    Id(String),
}

impl Reference {
    /// Refers to the only resource of a kind.
    pub const fn to(kind: Kind) -> Self {
        Self::To(Address::of(kind))
    }

    /// Refers to what an answer of AWS names; to nothing where it names nothing.
    pub fn named(id: Option<&str>) -> Option<Self> {
        present(id).map(|id| Self::Id(id.to_owned()))
    }

    /// Puts the address in the place of an id, where the id is a resource's.
    pub fn link(&mut self, ids: &BTreeMap<String, Address>) {
        if let Self::Id(id) = self
            && let Some(address) = ids.get(id)
        {
            *self = Self::To(address.clone());
        }
    }
}

/// Shows each reference of a set to `visit`, which may change it.
pub fn each_of_set(set: &mut BTreeSet<Reference>, visit: &mut dyn FnMut(&mut Reference)) {
    let references = std::mem::take(set).into_iter();
    set.extend(references.map(|mut reference| {
        visit(&mut reference);
        reference
    }));
}

/// Takes an id from an answer. An empty one is none: it would be sent on as if it named something.
pub fn present(id: Option<&str>) -> Option<&str> {
    id.filter(|id| !id.is_empty())
}

/// A property's value in its normal form: equal values mean the same to AWS.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Value {
    /// Not set.
    Absent,
    /// Yes or no.
    Bool(bool),
    /// A whole number.
    Number(i64),
    /// A text.
    Text(String),
    /// Several values; sets are sorted.
    List(Vec<Self>),
    /// A document, such as a policy.
    Document(serde_json::Value),
    /// Another resource of the lab.
    Reference(Address),
}

impl Value {
    /// Makes a value of a text.
    pub fn text(text: impl fmt::Display) -> Self {
        Self::Text(text.to_string())
    }

    /// Makes a value of a text that may not be set.
    pub fn maybe(text: Option<impl fmt::Display>) -> Self {
        text.map_or(Self::Absent, Self::text)
    }

    /// Makes a list of texts.
    pub fn texts<T: fmt::Display>(texts: impl IntoIterator<Item = T>) -> Self {
        Self::List(texts.into_iter().map(Self::text).collect())
    }

    /// The number, where it is one.
    pub const fn number(&self) -> Option<i64> {
        match self {
            Self::Number(number) => Some(*number),
            _ => None,
        }
    }

    /// Adds the addresses that the value mentions.
    pub fn collect_references(&self, addresses: &mut Vec<Address>) {
        match self {
            Self::Reference(address) => addresses.push(address.clone()),
            Self::List(values) => {
                for value in values {
                    value.collect_references(addresses);
                }
            }
            _ => {}
        }
    }
}

impl From<&Option<Reference>> for Value {
    fn from(reference: &Option<Reference>) -> Self {
        reference.as_ref().map_or(Self::Absent, Self::from)
    }
}

impl From<&Reference> for Value {
    fn from(reference: &Reference) -> Self {
        match reference {
            Reference::To(address) => Self::Reference(address.clone()),
            Reference::Id(id) => Self::text(id),
        }
    }
}

impl Serialize for Value {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Absent => serializer.serialize_none(),
            Self::Bool(value) => value.serialize(serializer),
            Self::Number(value) => value.serialize(serializer),
            Self::Text(value) => value.serialize(serializer),
            Self::List(values) => values.serialize(serializer),
            Self::Document(value) => value.serialize(serializer),
            Self::Reference(address) => address.serialize(serializer),
        }
    }
}

/// What a change does to the service that the resource gives.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Impact {
    /// Nothing that anyone notices.
    None,
    /// The server is down for about a minute.
    Restart,
    /// The resource is made anew.
    Replace,
}

/// What it takes to change a field.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum OnChange {
    /// A difference means nothing; the field orders steps and is shown.
    Ignore,
    /// Changed in place.
    Update,
    /// Changed in place while the server is stopped.
    Restart,
    /// Not possible in place: the resource has to be made anew.
    Replace,
    /// A larger number is set in place; a smaller one is not possible at all.
    Grow,
}

/// The path of the field of [`Field::noted_on`].
const NOTE: &str = "note";
/// The path of the field of [`Field::created_after`].
const CREATED_AFTER: &str = "turn";

/// One property of a resource: where it is, what it is, what a change takes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Field {
    /// The place in the resource, such as `root_volume.size`.
    pub path: String,
    /// The value in its normal form.
    pub value: Value,
    /// What it takes to change it.
    pub on_change: OnChange,
    /// Whether it is set in a step of its own, once what it refers to is up.
    pub late: bool,
    /// Whether what AWS charges for the resource depends on it.
    pub priced: bool,
}

impl Field {
    /// Makes a field that is changed by `on_change`.
    pub fn new(path: impl Into<String>, value: Value, on_change: OnChange) -> Self {
        Self {
            path: path.into(),
            value,
            on_change,
            late: false,
            priced: false,
        }
    }

    /// Makes a field that can be changed in place.
    pub fn update(path: impl Into<String>, value: Value) -> Self {
        Self::new(path, value, OnChange::Update)
    }

    /// Makes a field of which a change makes the resource anew.
    pub fn replace(path: impl Into<String>, value: Value) -> Self {
        Self::new(path, value, OnChange::Replace)
    }

    /// Makes a field that only puts this resource after the one it names.
    pub fn after(path: impl Into<String>, kind: Kind) -> Self {
        Self::new(path, Value::Reference(Address::of(kind)), OnChange::Ignore)
    }

    /// Makes a field that names the resource on which this one is noted, so that
    /// it is found once it has left the plan. It is made after the note, and goes
    /// before the note does.
    pub fn noted_on(kind: Kind) -> Self {
        Self::after(NOTE, kind)
    }

    /// Makes a field by which this resource is created after the one it names, and
    /// is bound to it in no other way.
    pub fn created_after(kind: Kind) -> Self {
        Self::after(CREATED_AFTER, kind)
    }

    /// Whether the field orders creation alone.
    pub fn is_created_after(&self) -> bool {
        self.on_change == OnChange::Ignore && self.path == CREATED_AFTER
    }

    /// Whether the field names the resource on which this one is noted.
    pub fn is_note(&self) -> bool {
        self.on_change == OnChange::Ignore && self.path == NOTE
    }

    /// Makes the field one on which the resource's price depends.
    pub fn priced(mut self) -> Self {
        self.priced = true;
        self
    }

    /// Sets the field in a later step of its own.
    pub fn late(mut self) -> Self {
        self.late = true;
        self
    }
}

/// Tags of a resource by their keys.
pub type Tags = BTreeMap<String, String>;

/// Whose a live resource is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Owner {
    /// This lab's, by its tags or its ownership mark.
    Lab,
    /// Somebody else's; it may be used, if its kind allows that, never changed.
    Other,
    /// Another account's; it is not even used, and cannot be adopted.
    OtherAccount,
    /// Somebody else's, and of a form that the plan has no words for: what it is. It is not used, and cannot be adopted.
    OtherForm(String),
    /// Of another account or region, or without a permission to look at it: AWS does not say which.
    OutOfReach,
}

/// How a live resource stands to the plan's resource of the same address.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing {
    /// It is the one that the plan speaks of.
    Current,
    /// Another of the lab's own is the one: a run that was killed between a
    /// create and its answer, or two runs at once, left this one behind.
    Duplicate,
    /// It goes by another name than the plan's: a bucket or zone of before.
    Stale,
}

/// The power state of a server, in EC2's words.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Power {
    /// Starting.
    Pending,
    /// Up.
    Running,
    /// Going down to be stopped.
    Stopping,
    /// Down.
    Stopped,
}

impl Power {
    /// Whether it is down, or on its way there.
    pub const fn is_down(self) -> bool {
        matches!(self, Self::Stopping | Self::Stopped)
    }
}

/// What AWS made up for a resource; not compared, but used and shown.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Observed {
    /// The server's or the Elastic IP's public address.
    pub public_ip: Option<Ipv4Addr>,
    /// The server's address in its network.
    pub private_ip: Option<Ipv4Addr>,
    /// The server's power state.
    pub power: Option<Power>,
    /// The server's root volume.
    pub volume_id: Option<String>,
    /// The server's zone, such as `us-east-1a`.
    pub availability_zone: Option<String>,
    /// Whether the server has the enhanced network adapter.
    pub ena_support: Option<bool>,
    /// The network that it is in.
    pub vpc_id: Option<String>,
    /// The id of an association: of an address, or of a route table.
    pub association_id: Option<String>,
    /// The zone's name servers.
    pub name_servers: Vec<String>,
    /// The resource's ARN.
    pub arn: Option<String>,
    /// The tags that it has, those of others included.
    pub tags: Tags,
}

/// A resource as it is in AWS, with the properties of its kind.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Live<B> {
    /// Its address in the lab.
    pub address: Address,
    /// AWS's id: an id, a name, or an ARN, whatever its calls take.
    pub id: String,
    /// Whose it is.
    pub owner: Owner,
    /// How it stands to the plan's resource of its address.
    pub standing: Standing,
    /// Its properties in their normal form.
    pub body: B,
    /// What AWS made up for it.
    pub observed: Observed,
}

/// A resource as the plan wants it, with the properties of its kind.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Desired<B> {
    /// Its address in the lab.
    pub address: Address,
    /// Its properties in their normal form.
    pub body: B,
}
