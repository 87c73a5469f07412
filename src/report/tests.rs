//! Whole outputs, as they stand on a terminal without colour.

mod costs;
mod doctor;
mod explained;
mod lab;
mod outcomes;
mod plans;
mod progress;
mod sandbox;
mod statuses;
mod verdicts;
