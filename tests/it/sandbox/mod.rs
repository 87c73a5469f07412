//! The sandbox: an AWS account on this machine, whose servers are containers.

mod accidents;
mod life;
mod rehearsal;
mod side_by_side;
mod traps;
mod umask;
mod without_engine;
