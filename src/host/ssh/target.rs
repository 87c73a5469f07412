//! A host, as it is reached.

use std::fmt;

/// Where to reach a host and as whom.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Target {
    /// A name or an address.
    pub address: String,
    /// The port.
    pub port: u16,
    /// The user to log in as.
    pub user: String,
    /// What the host's key is pinned by: the instance's id.
    pub pin: String,
}

impl fmt::Display for Target {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "`{}` port {}", self.address, self.port)
    }
}
