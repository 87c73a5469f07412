//! The host's half: what is on the server, as the cloud's half is what is in AWS.
//!
//! ```text
//! Plan ──desired──▶ desired host ─┐
//!                                 ├─diff─▶ changes ──request──▶ one apply over SSH ──▶ gates ──▶ done or rolled back
//! host ──probe (one exec)──▶ facts┘
//! ```
//!
//! The modules in this order: [`pieces`] turn the plan into the [`mod@desired`] host, with texts by
//! [`render`]; [`site`] says where browsers find it; [`facts`] is what the probe read and [`manifest`] what labctl noted there about itself;
//! [`mod@diff`] compares, [`preflight`] refuses what cannot end well; [`request`]
//! says it in the agent's words, [`protocol`] is how the two talk, [`messages`] is
//! all that they say as one schema, [`session`] does it over [`ssh`]. All but the
//! last two are pure.
//!
//! What runs on the host is Python and lies in `python/agent`: a probe, and an agent
//! that is detached from the connection, so that whatever happens to labctl or
//! the network, it comes to its end and leaves its verdict.

mod change;
pub mod desired;
pub mod diff;
pub mod facts;
#[cfg(test)]
mod fixture;
pub mod manifest;
pub mod messages;
mod package;
pub mod password;
pub mod pieces;
pub mod preflight;
pub mod programs;
pub mod protocol;
pub mod render;
pub mod request;
mod room;
pub mod services;
pub mod session;
pub mod site;
pub mod ssh;

pub use change::{
    FileAction, FileChange, HostChange, UnitAction, UnitChange, UserAction, UserChange, Verb,
};
pub use desired::DesiredHost;
pub use diff::{HostDiff, diff};
pub use facts::Facts;
pub use pieces::{Inputs, desired};
pub use preflight::HostRefusal;
pub use protocol::{HostEvent, Verdict};
pub use render::RenderError;
pub use session::{HostError, Reach};

/// Where labctl makes a swap file.
pub const SWAP_FILE: &str = "/swapfile";
/// The settings of the script that looks after the certificate.
pub const CERTIFICATE_SETTINGS: &str = "/etc/labctl/certificate.json";
