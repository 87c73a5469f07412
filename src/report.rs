//! Values → text, JSON and progress; nothing else prints.
//!
//! Everything here but [`out`] and [`progress`] is pure: a view of values goes
//! in, a text with ANSI styles or a JSON value comes out. [`out`] is the one
//! place that writes to the terminal, and drops the styles where they are not
//! wanted. [`progress`] listens to a running apply and hands its lines to it.

pub mod cost;
pub mod doctor;
pub mod explain;
pub mod graph;
pub mod host;
pub mod json;
pub mod markdown;
pub mod out;
pub mod outcome;
pub mod progress;
pub mod sandbox;
pub mod sizes;
pub mod status;
pub mod text;
pub mod verdict;

mod style;
mod view;
mod words;

pub use explain::Explanation;
pub use host::{Answers, HostProgress, HostView};
pub use out::{Out, OutOptions};
pub use progress::{Progress, Stages};
pub use view::{OutcomeView, Outputs, PlanView, StatusView};
pub use words::{conflict, harmless};

#[cfg(test)]
mod tests;
