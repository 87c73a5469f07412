//! The way to a host, and the host: a real sshd, a real Debian with systemd.

mod accidents;
mod authority;
mod broken;
mod certificate;
mod changes;
mod counting_proxy;
mod counts;
mod doctor;
mod fire;
mod foreign;
mod journey;
mod kills;
mod languages;
pub mod machine;
mod mirror;
mod model_api;
pub mod organisation;
mod pinned;
mod polled;
mod rig;
mod rstudio;
mod security;
mod shiny;
mod ssh;
mod sshd;
mod tools;
mod watched;
