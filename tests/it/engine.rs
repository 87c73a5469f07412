//! The engine against the strict cloud in memory: what it does, and that it converges whatever happens to it.
//!
//! Time is virtual, so that minutes of waiting take none; what is asserted is what is in the cloud, not what labctl
//! reads there.

mod adoption;
mod boundary;
mod calls;
mod conflicts;
mod console;
mod disturbances;
mod duplicates;
pub mod foreign;
mod graph;
pub mod harness;
pub mod inspection;
mod kills;
mod limits;
mod meanwhile;
mod normal_forms;
mod owners;
pub mod picture;
mod races;
mod ready_plans;
mod resize;
mod sections;
mod teardown;
mod updates;
mod users_role;
