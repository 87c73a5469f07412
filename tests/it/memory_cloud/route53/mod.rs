//! Route 53: hosted zones, their records and tags.

mod batches;
mod checks;
mod names;
mod records;
mod tags;
mod zones;

pub use zones::{Zone, arn};

use super::refusal::{Refusal, refuse};

fn invalid_input(message: impl Into<String>) -> Refusal {
    refuse("InvalidInput", message)
}
