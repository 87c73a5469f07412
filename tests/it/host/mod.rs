//! The way to a host, and the host: a real sshd, a real Debian with systemd.

mod accidents;
mod broken;
mod changes;
mod counting_proxy;
mod counts;
mod foreign;
mod kills;
mod machine;
mod pinned;
mod ssh;
mod sshd;
mod watched;
