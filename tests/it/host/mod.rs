//! The way to a host, and the host: a real sshd, a real Debian with systemd.

mod authority;
mod certificate;
mod changes;
mod counting_proxy;
mod journey;
mod machine;
mod pinned;
mod ssh;
mod sshd;
