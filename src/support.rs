//! What knows nothing of labs: texts, files and waits as any program may need them.

pub mod backoff;
pub(crate) mod bounded;
pub mod digest;
pub mod folders;
pub mod hint;
pub mod money;
pub(crate) mod private_files;
pub(crate) mod ssh_encoding;
pub(crate) mod terminal_escapes;
