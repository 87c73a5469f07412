//! The way to a host, and the host: a real sshd, a real Debian with systemd.

mod accidents;
mod changes;
mod counting_proxy;
mod counts;
mod machine;
mod pinned;
mod ssh;
mod sshd;
