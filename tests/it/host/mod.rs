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
mod languages;
pub mod machine;
mod mirror;
mod pinned;
<<<<<<< HEAD
mod rig;
mod rstudio;
=======
mod security;
>>>>>>> 5825739 (Feed all that reads from elsewhere with inputs nobody meant, and mend what that shows)
mod ssh;
mod sshd;
mod watched;
