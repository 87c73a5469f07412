//! What is at stake with a resource: what AWS charges for it, and what is gone with it.
//!
//! Each kind says both of itself, beside its field table. What a charge comes to is in `prices`.

/// Something that AWS charges for, in the units of its price lists.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Charge {
    /// A server, by the hour while it runs.
    Instance(String),
    /// A disk, by the GB and month whether it is used or not.
    Volume {
        /// The type, such as `gp3`.
        volume_type: String,
        /// The size in GiB, which is what the price lists call GB.
        size: i64,
    },
    /// A public IPv4 address, by the hour whether it leads anywhere or not.
    Address,
    /// The public IPv4 address that a running server has where it has no Elastic IP.
    OwnAddress,
    /// A hosted zone, by the month.
    Zone,
    /// Files in a bucket, by the GB and month; how many there are is not asked.
    Storage,
    /// Something that depends on how much the lab is used.
    Use(&'static str),
}

impl Charge {
    /// Whether a stopped server is not charged for it.
    pub const fn ends_when_stopped(&self) -> bool {
        matches!(self, Self::Instance(_) | Self::OwnAddress)
    }
}

/// What is gone once a resource was deleted, even if a plan makes it again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lost {
    /// Nothing: it is made again by the same name.
    Nothing,
    /// Its id; AWS gives another.
    Id,
    /// A public address that others may know.
    Address,
    /// Data, or what others have entered elsewhere, which no apply brings back.
    Data,
}
