//! The real binary and the real SDK against an emulated AWS: request counts, errors, other labs beside.

mod broken;
mod counts;
mod model;
mod neighbours;
mod plans;
mod refusals;
