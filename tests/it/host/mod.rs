//! The way to a host, and the host: a real sshd, a real Debian with systemd.

mod broken;
mod changes;
mod counting_proxy;
mod foreign;
mod kills;
mod machine;
mod ssh;
mod sshd;
mod watched;
