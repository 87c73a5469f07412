//! How a world in memory behaves.

use std::collections::BTreeSet;
use std::time::Duration;

/// The delays, quotas and surroundings of a world.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Options {
    /// How long each call is on its way.
    pub latency: Duration,
    /// How long a new thing cannot be seen or used yet, and tags lag in the
    /// tagging API: eventual consistency.
    pub propagation: Duration,
    /// Whether each new thing takes a time of its own to be seen, `propagation`
    /// at most, so that a later one may be seen before an earlier one.
    pub uneven: bool,
    /// How long a state on the way to another lasts: pending, stopping, …
    pub transition: Duration,
    /// Whether each region has a default VPC.
    pub default_vpc: bool,
    /// Whether the account is on the free plan, which has few instance types.
    pub free_plan: bool,
    /// How many Elastic IP addresses a region allows.
    pub addresses: usize,
    /// How many vCPUs may run in a region.
    pub vcpus: i32,
    /// How many VPCs, and internet gateways, a region allows.
    pub vpcs: usize,
    /// The private hosted zones that the account has already.
    pub private_zones: Vec<String>,
    /// The managed policies that the account has, by path and name.
    pub policies: BTreeSet<String>,
    /// The bucket names that other accounts hold.
    pub taken_buckets: BTreeSet<String>,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            latency: Duration::ZERO,
            propagation: Duration::ZERO,
            uneven: false,
            transition: Duration::ZERO,
            default_vpc: true,
            free_plan: false,
            addresses: 5,
            vcpus: 64,
            vpcs: 5,
            private_zones: Vec::new(),
            policies: ["boundary", "narrow/boundary"].map(str::to_owned).into(),
            taken_buckets: ["data", "test", "taken-bucket"].map(str::to_owned).into(),
        }
    }
}
