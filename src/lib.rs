//! labctl stands up the data-science lab of one YAML plan on AWS, keeps it as
//! the plan says, and takes it down again.
//!
//! # The flow of data
//!
//! ```text
//! plan file ──plan──▶ Plan ──lower──▶ desired resources ─┐
//!                                                        ├─diff─▶ change set ──graph──▶ steps ──apply──▶ outcome
//! AWS ──resources::read──▶ live resources ───────────────┘
//! ```
//!
//! The modules are the stages, in this order: [`plan`] (the file, its checks),
//! [`lower`], [`resources`] (each kind's properties, reading and writing),
//! [`diff`], [`graph`], [`apply`]. [`cloud`] is the edge to AWS; planning is
//! given its read-only half, so that it cannot write. [`report`] turns values
//! into text, JSON and progress; nothing else prints. [`sandbox`] is an AWS
//! account with its servers on this laptop. [`outside`] is what the world sees
//! of a server, and [`doctor`] judges it; [`permissions`] is
//! what IAM has to allow. [`commands`] puts the
//! stages together, one file for each command.
//!
//! There is no state file. Whose a resource is stands on the resource itself:
//! as tags, as the caller reference of a hosted zone, as the companion TXT
//! record of a DNS record.

pub mod apply;
pub mod backoff;
mod bounded;
pub mod cli;
pub mod cloud;
pub mod commands;
pub mod diff;
pub mod digest;
pub mod doctor;
pub mod folders;
pub mod graph;
pub mod host;
pub mod local_folder;
pub mod lower;
pub mod outside;
pub mod permissions;
pub mod plan;
pub mod planning;
pub mod preflight;
mod private;
pub mod report;
pub mod resource;
pub mod resources;
pub mod sandbox;
pub mod saved;
mod steering;
mod wire;
