//! The sandbox: an AWS account on this machine, whose servers are containers.

mod accidents;
mod image;
mod life;
mod process;
mod rehearsal;
mod side_by_side;
mod traps;
mod umask;
mod walks;
mod without_engine;
