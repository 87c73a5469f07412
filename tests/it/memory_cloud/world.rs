//! The world: all that exists, and the passing of time in it.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use tokio::time::Instant;

use super::ec2::{
    Address, Gateway, Group, Image, Instance, Interface, KeyPair, Launch, ProfileAssociation,
    RouteTable, Subnet, Volume, Vpc,
};
use super::iam::{Profile, Provider, Role};
use super::options::Options;
use super::register::Register;
use super::route53::Zone;
use super::s3::Bucket;

/// Everything in an account, all regions.
///
/// A call is answered by the method of its name. Rows are found through the
/// register, which sees only what the call's region and time allow.
pub struct World {
    start: Instant,
    pub options: Options,
    pub register: Register,
    pub regions: BTreeSet<String>,
    /// The instance types that AWS has no capacity for.
    pub scarce: BTreeSet<String>,
    /// What instances printed on their serial consoles.
    pub consoles: BTreeMap<String, String>,
    pub images: Vec<Image>,
    pub vpcs: BTreeMap<String, Vpc>,
    pub subnets: BTreeMap<String, Subnet>,
    pub gateways: BTreeMap<String, Gateway>,
    pub route_tables: BTreeMap<String, RouteTable>,
    pub groups: BTreeMap<String, Group>,
    pub interfaces: BTreeMap<String, Interface>,
    pub instances: BTreeMap<String, Instance>,
    pub volumes: BTreeMap<String, Volume>,
    pub addresses: BTreeMap<String, Address>,
    pub key_pairs: BTreeMap<String, KeyPair>,
    pub profile_associations: BTreeMap<String, ProfileAssociation>,
    /// The launches that had a client token, by region and token.
    pub launches: BTreeMap<(String, String), Launch>,
    /// The route tables that had a client token, by region and token.
    pub route_table_tokens: BTreeMap<(String, String), (String, String)>,
    /// IAM's roles by name.
    pub roles: BTreeMap<String, Role>,
    /// IAM's instance profiles by name.
    pub profiles: BTreeMap<String, Profile>,
    /// IAM's OIDC providers by ARN.
    pub providers: BTreeMap<String, Provider>,
    /// S3's buckets by name.
    pub buckets: BTreeMap<String, Bucket>,
    /// Route 53's zones by id.
    pub zones: BTreeMap<String, Zone>,
    /// The caller references that zones ever had.
    pub references: BTreeSet<String>,
    /// When each change of records was submitted, by id.
    pub changes: BTreeMap<String, Duration>,
}

impl World {
    /// Makes a world with nothing in it but what the options preset.
    pub fn new(account: &str, options: Options) -> Self {
        let mut world = Self {
            start: Instant::now(),
            register: Register::new(account),
            options,
            regions: BTreeSet::new(),
            scarce: BTreeSet::new(),
            consoles: BTreeMap::new(),
            images: Vec::new(),
            vpcs: BTreeMap::new(),
            subnets: BTreeMap::new(),
            gateways: BTreeMap::new(),
            route_tables: BTreeMap::new(),
            groups: BTreeMap::new(),
            interfaces: BTreeMap::new(),
            instances: BTreeMap::new(),
            volumes: BTreeMap::new(),
            addresses: BTreeMap::new(),
            key_pairs: BTreeMap::new(),
            profile_associations: BTreeMap::new(),
            launches: BTreeMap::new(),
            route_table_tokens: BTreeMap::new(),
            roles: BTreeMap::new(),
            profiles: BTreeMap::new(),
            providers: BTreeMap::new(),
            buckets: BTreeMap::new(),
            zones: BTreeMap::new(),
            references: BTreeSet::new(),
            changes: BTreeMap::new(),
        };
        world.register.uneven = world.options.uneven;
        world.preset_zones();
        world
    }

    /// Opens a region: its images and its default VPC are there from the start.
    pub fn open(&mut self, region: &str) {
        if !self.regions.insert(region.to_owned()) {
            return;
        }
        let caller = std::mem::replace(&mut self.register.region, region.to_owned());
        self.register.propagation = Duration::ZERO;
        self.preset_images();
        if self.options.default_vpc {
            self.preset_network();
        }
        self.register.propagation = self.options.propagation;
        self.register.region = caller;
    }

    /// Goes to where and when the next call arrives.
    pub fn arrive(&mut self, region: &str) {
        self.open(region);
        self.register.region.clear();
        self.register.region.push_str(region);
        self.pass_time();
    }

    /// Lets everything happen that the time since the last call brought.
    pub fn pass_time(&mut self) {
        self.register.now = self.start.elapsed();
        self.settle_instances();
        self.settle_volumes();
    }
}
