//! The way to a host, and the host: a real sshd, a real Debian with systemd.

mod counting_proxy;
mod ssh;
mod sshd;
