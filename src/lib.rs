//! labctl stands up the data-science lab of one YAML plan on AWS, keeps it as
//! the plan says, and takes it down again.
//!
//! # The flow of data
//!
//! ```text
//! plan file ──plan──▶ Plan ──lower──▶ desired resources ─┐
//!                                                        ├─diff─▶ change set ──graph──▶ steps ──apply──▶ outcome
//! AWS ──read (2 rounds)──▶ live resources ───────────────┘                                                  │
//! Plan ──pieces──▶ desired host ──┐                                                                         ▼ the server is up
//! server ──probe (1 exec)─▶ facts ┴─diff─▶ host changes ──▶ one agent run on the server ──▶ gates ──▶ done, or rolled back
//! ```
//!
//! Each folder uses only those below it, and no two modules use each other; a test
//! (`tests/it/imports.rs`) reads the imports and holds it:
//!
//! - [`commands`]: the arguments, and one file for each command, which reads as the stages
//! - [`report`]: values → text, JSON and progress; nothing else prints
//! - [`sandbox`]: an AWS account with its servers on this laptop
//! - [`host`]: the host half, what is on the server
//! - [`doctor`]: findings, with what the world sees of a server
//! - [`cloud`]: the cloud half, what is in AWS
//! - [`plan`]: the plan file, its checks, and the folders of the laptop that it names
//! - `support`: what knows nothing of labs
//!
//! There is no state file. Whose a resource is stands on the resource itself:
//! as tags, as the caller reference of a hosted zone, as the companion TXT
//! record of a DNS record.

pub mod cloud;
pub mod commands;
pub mod doctor;
pub mod host;
pub mod plan;
pub mod report;
pub mod sandbox;
pub mod support;
