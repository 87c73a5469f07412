//! The real binary and the real SDK against an emulated AWS: request counts, errors, other labs beside.

mod at_once;
mod broken;
mod counts;
mod destroys;
mod kills;
mod model;
mod neighbours;
mod owners;
mod plans;
mod refusals;
mod resizes;
mod weather;
