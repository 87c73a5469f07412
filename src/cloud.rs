//! The cloud half: what a lab has in AWS, from the plan to the outcome of an apply.
//!
//! [`lower`] makes desired [`resources`] of a plan, [`resources`] reads the live ones, [`diff`]
//! compares them, [`graph`] puts the steps in order and [`apply`] carries them out; [`planning`]
//! has these stages up to the question, with what [`preflight`] can know before a write. [`api`]
//! is the edge to AWS: planning is given its read-only half, so that it cannot write.
//! [`verdict`] says what a change set means, by what the kinds say in [`stakes`] and by [`prices`].
//! [`permissions`] is what IAM has to allow for all that.

pub mod api;
pub mod apply;
pub mod diff;
pub mod estimate;
pub mod graph;
pub mod kind;
pub mod lower;
pub mod permissions;
pub mod planning;
pub mod preflight;
pub mod prices;
pub mod remarks;
pub mod resource;
pub mod resources;
pub mod saved_plan;
pub mod sizes;
pub mod stakes;
pub mod verdict;
