//! The register of everything that exists: whose, where, since when, its tags.
//!
//! Each kind of resource keeps its own rows by id; what all have in common is
//! here, and so are the look-ups that see only what is visible in the region
//! of the call.

use std::collections::BTreeMap;
use std::time::Duration;

use aws_smithy_types::DateTime;

use super::refusal::{Answer, refuse};

/// Tags, by key.
pub type Tags = BTreeMap<String, String>;

/// The virtual date at which each world starts: 2026-10-01T00:00:00Z.
const START: i64 = 1_790_812_800;

/// A kind of resource, as ids, ARNs and errors call it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Kind {
    /// The service in ARNs.
    pub service: &'static str,
    /// The resource type in ARNs and tag specifications.
    pub name: &'static str,
    /// What ids start with.
    pub prefix: &'static str,
    /// The error code for an unknown id.
    pub missing: &'static str,
    /// What messages call an id of this kind.
    noun: &'static str,
}

macro_rules! kinds {
    ($($constant:ident $service:literal $name:literal $prefix:literal $missing:literal $noun:literal;)*) => {
        impl Kind {
            $(
                pub const $constant: Self = Self {
                    service: $service,
                    name: $name,
                    prefix: $prefix,
                    missing: $missing,
                    noun: $noun,
                };
            )*
        }
    };
}

kinds! {
    ADDRESS "ec2" "elastic-ip" "eipalloc-" "InvalidAllocationID.NotFound" "allocation ID";
    GATEWAY "ec2" "internet-gateway" "igw-" "InvalidInternetGatewayID.NotFound" "internetGateway ID";
    GROUP "ec2" "security-group" "sg-" "InvalidGroup.NotFound" "security group";
    INSTANCE "ec2" "instance" "i-" "InvalidInstanceID.NotFound" "instance ID";
    INTERFACE "ec2" "network-interface" "eni-" "InvalidNetworkInterfaceID.NotFound" "networkInterface ID";
    KEY_PAIR "ec2" "key-pair" "key-" "InvalidKeyPair.NotFound" "key pair";
    PROFILE_ASSOCIATION "ec2" "iam-instance-profile-association" "iip-assoc-" "InvalidAssociationID.NotFound" "association ID";
    ROUTE_TABLE "ec2" "route-table" "rtb-" "InvalidRouteTableID.NotFound" "routeTable ID";
    SUBNET "ec2" "subnet" "subnet-" "InvalidSubnetID.NotFound" "subnet ID";
    VOLUME "ec2" "volume" "vol-" "InvalidVolume.NotFound" "volume";
    VPC "ec2" "vpc" "vpc-" "InvalidVpcID.NotFound" "vpc ID";
    BUCKET "s3" "bucket" "arn:aws:s3:::" "NoSuchBucket" "bucket";
    PROFILE "iam" "instance-profile" "arn:aws:iam::" "NoSuchEntity" "instance profile";
    PROVIDER "iam" "oidc-provider" "arn:aws:iam::" "NoSuchEntity" "provider";
    ROLE "iam" "role" "arn:aws:iam::" "NoSuchEntity" "role";
    ZONE "route53" "hostedzone" "arn:aws:route53:::hostedzone/" "NoSuchHostedZone" "hosted zone";
}

impl Kind {
    /// Refuses an id that names nothing.
    pub fn not_found(self, id: &str) -> super::refusal::Refusal {
        let code = self.missing;
        match code.strip_suffix(".NotFound") {
            Some(family) if family.ends_with("ID") && !id.starts_with(self.prefix) => refuse(
                &format!("{family}.Malformed"),
                format!("Invalid id: \"{id}\""),
            ),
            _ => refuse(code, format!("The {} '{id}' does not exist", self.noun)),
        }
    }
}

/// A row of a table, which knows its kind.
pub trait Resource {
    /// The kind of resource that the row describes.
    const KIND: Kind;
}

/// What the register holds about one thing.
#[derive(Debug)]
pub struct Record {
    /// What it is.
    pub kind: Kind,
    /// Where it is; empty for a global one.
    pub region: String,
    /// When it was made.
    pub since: Duration,
    /// Its tags.
    pub tags: Tags,
    /// When it can be seen.
    visible: Duration,
    /// When it was deleted.
    gone: Option<Duration>,
    /// The tags before the last change, and when that was.
    before: (Tags, Duration),
}

/// The register, and where and when the call being served is.
#[derive(Debug)]
pub struct Register {
    /// The account's id.
    pub account: String,
    /// The region that the call went to.
    pub region: String,
    /// The time since the world began.
    pub now: Duration,
    /// How long new things stay unseen.
    pub propagation: Duration,
    /// Whether new things stay unseen for different times.
    pub uneven: bool,
    counter: u64,
    records: BTreeMap<String, Record>,
}

impl Register {
    /// Makes an empty register.
    pub fn new(account: &str) -> Self {
        Self {
            account: account.to_owned(),
            region: String::new(),
            now: Duration::ZERO,
            propagation: Duration::ZERO,
            uneven: false,
            counter: 0,
            records: BTreeMap::new(),
        }
    }

    /// Counts on; every id is made of it.
    pub const fn count(&mut self) -> u64 {
        self.counter += 1;
        self.counter
    }

    /// Makes an id in EC2's form.
    pub fn next_id(&mut self, prefix: &str) -> String {
        format!("{prefix}{:017x}", self.count())
    }

    /// Enters a new thing of EC2's in this region, and gives its id.
    pub fn add(&mut self, kind: Kind, tags: Tags) -> String {
        let id = self.next_id(kind.prefix);
        let region = self.region.clone();
        self.enter(&id, kind, &region, tags);
        id
    }

    /// Enters a new thing whose id is given.
    pub fn enter(&mut self, id: &str, kind: Kind, region: &str, tags: Tags) {
        let record = Record {
            kind,
            region: region.to_owned(),
            since: self.now,
            before: (tags.clone(), self.now),
            tags,
            visible: self.now + self.lag(),
            gone: None,
        };
        self.records.insert(id.to_owned(), record);
    }

    /// How long the next new thing stays unseen.
    fn lag(&self) -> Duration {
        match self.uneven {
            // Any spread will do that follows from the counter alone.
            true => self.propagation * u32::try_from(self.counter * 37 % 101).unwrap_or(0) / 100,
            false => self.propagation,
        }
    }

    /// Strikes a thing out.
    pub fn remove(&mut self, id: &str) {
        if let Some(record) = self.records.get_mut(id) {
            record.gone = Some(self.now);
        }
    }

    /// Finds the record of a thing that exists, seen or not.
    pub fn record(&self, id: &str) -> Option<&Record> {
        self.records.get(id).filter(|record| record.gone.is_none())
    }

    /// Whether a thing was deleted less than some time ago.
    pub fn has_just_gone(&self, id: &str, time: Duration) -> bool {
        let gone = self.records.get(id).and_then(|record| record.gone);
        gone.is_some_and(|gone| gone + time > self.now)
    }

    /// Whether a thing exists and has had the time to be seen.
    pub fn sees(&self, id: &str) -> bool {
        self.record(id)
            .is_some_and(|record| record.visible <= self.now)
    }

    fn sees_here(&self, kind: Kind, id: &str) -> bool {
        let is_here = |record: &Record| record.kind == kind && record.region == self.region;
        self.sees(id) && self.record(id).is_some_and(is_here)
    }

    /// Refuses an id that names nothing of its kind in this region.
    pub fn check(&self, kind: Kind, id: &str) -> Answer<()> {
        if self.sees_here(kind, id) {
            Ok(())
        } else {
            Err(kind.not_found(id))
        }
    }

    /// Finds the row that an id names.
    pub fn find<'a, T: Resource>(&self, rows: &'a BTreeMap<String, T>, id: &str) -> Answer<&'a T> {
        self.check(T::KIND, id)?;
        rows.get(id).ok_or_else(|| T::KIND.not_found(id))
    }

    /// Finds the row that an id names, to change it.
    pub fn find_mut<'a, T: Resource>(
        &self,
        rows: &'a mut BTreeMap<String, T>,
        id: &str,
    ) -> Answer<&'a mut T> {
        self.check(T::KIND, id)?;
        rows.get_mut(id).ok_or_else(|| T::KIND.not_found(id))
    }

    /// Finds the rows that the ids name, or without any id all of this region.
    pub fn named<'a, T: Resource>(
        &self,
        rows: &'a BTreeMap<String, T>,
        ids: &'a [String],
    ) -> Answer<Vec<(&'a str, &'a T)>> {
        if ids.is_empty() {
            let seen = rows.iter().filter(|(id, _)| self.sees_here(T::KIND, id));
            return Ok(seen.map(|(id, row)| (id.as_str(), row)).collect());
        }
        let mut ids: Vec<&str> = ids.iter().map(String::as_str).collect();
        ids.sort_unstable();
        ids.dedup();
        ids.into_iter()
            .map(|id| Ok((id, self.find(rows, id)?)))
            .collect()
    }

    /// Lists the rows of this region, even those that cannot be seen yet: what
    /// counts for quotas and for uniqueness.
    pub fn all<'a, T: Resource>(
        &'a self,
        rows: &'a BTreeMap<String, T>,
    ) -> impl Iterator<Item = (&'a str, &'a T)> {
        let is_here = |id: &str| {
            self.record(id)
                .is_some_and(|record| record.region == self.region)
        };
        rows.iter()
            .map(|(id, row)| (id.as_str(), row))
            .filter(move |(id, _)| is_here(id))
    }

    /// Gives the tags of a thing.
    pub fn tags(&self, id: &str) -> Tags {
        self.record(id)
            .map(|record| record.tags.clone())
            .unwrap_or_default()
    }

    /// Gives a thing other tags; the tagging API learns of it later.
    pub fn set_tags(&mut self, id: &str, tags: Tags) {
        let (now, propagation) = (self.now, self.propagation);
        if let Some(record) = self.records.get_mut(id) {
            if record.before.1 + propagation <= now {
                record.before = (record.tags.clone(), now);
            }
            record.tags = tags;
        }
    }

    /// Lists what the tagging API knows: everything tagged, with a lag.
    pub fn indexed(&self) -> impl Iterator<Item = (&str, &Record, &Tags)> {
        let known = |record: &Record| {
            let lags = |since: Duration| since + self.propagation > self.now;
            record.visible <= self.now && record.gone.is_none_or(lags)
        };
        self.records
            .iter()
            .filter(move |(_, record)| known(record))
            .map(|(id, record)| {
                let lags = record.before.1 + self.propagation > self.now;
                let tags = if lags { &record.before.0 } else { &record.tags };
                (id.as_str(), record, tags)
            })
    }

    /// Spells the ARN of a thing.
    pub fn arn(&self, id: &str, record: &Record) -> String {
        if id.starts_with("arn:") {
            return id.to_owned();
        }
        let Record { kind, region, .. } = record;
        format!(
            "arn:aws:{}:{region}:{}:{}/{id}",
            kind.service, self.account, kind.name
        )
    }

    /// Turns a time of this world into a date.
    pub fn date(&self, at: Duration) -> DateTime {
        DateTime::from_secs(START + i64::try_from(at.as_secs()).unwrap_or(i64::MAX - START))
    }

    /// Gives the date at which a thing was made.
    pub fn made(&self, id: &str) -> DateTime {
        self.date(self.record(id).map_or(self.now, |record| record.since))
    }
}
