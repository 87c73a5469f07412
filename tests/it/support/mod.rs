//! What the tests share: the emulated AWS, sealed labs, the binary, and normal forms of what it prints.

mod emulator;
mod folders;
mod http;
mod lab;
mod leaks;
mod normal;
mod outside;
mod ran;
mod tap;
mod terminal;
pub mod unittest;

pub use emulator::python;
pub use folders::files_below;
pub use http::serve;
pub use lab::{Lab, SECRET, TOKEN};
pub use leaks::Secrets;
pub use normal::{normal, snapshot};
pub use outside::{between, elements};
pub use ran::{Ran, is_exhaustive, tell};
pub use tap::Tap;
pub use terminal::{at_prompt, at_terminal};
