//! The way to a host, and the host: a real sshd, a real Debian with systemd.

mod accidents;
mod authority;
mod broken;
mod certificate;
mod changes;
mod counting_proxy;
mod counts;
mod foreign;
mod journey;
mod kills;
pub mod machine;
mod pinned;
mod ssh;
mod sshd;
mod watched;
