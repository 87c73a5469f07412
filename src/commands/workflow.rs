//! What several commands share: the beginning of each, the way to the server, and how
//! the two halves are planned and applied.

pub(super) mod cloud_apply;
mod failure;
pub(super) mod host_plan;
pub(super) mod host_workflow;
pub(super) mod interrupt;
pub(super) mod limits;
mod my_ip;
pub(super) mod pages;
pub(super) mod pending;
pub(super) mod plan_view;
pub(super) mod rehearsal;
pub(super) mod route;
pub(super) mod server;
pub(super) mod session;
pub(super) mod system_ssh;

pub use failure::Failure;
