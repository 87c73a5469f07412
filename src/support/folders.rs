//! Where labctl keeps files of its own on this laptop (XDG Base Directory Specification, version 0.8).

use std::path::PathBuf;

/// The user's home, where `~` leads.
pub fn home() -> Option<PathBuf> {
    std::env::home_dir()
}

/// What must outlive a run: pinned host keys, the sandboxes.
pub fn state() -> PathBuf {
    named("XDG_STATE_HOME", ".local/state")
}

/// What can be made again.
pub fn cache() -> PathBuf {
    named("XDG_CACHE_HOME", ".cache")
}

/// The specification wants paths that are not absolute to be ignored.
fn named(variable: &str, below_home: &str) -> PathBuf {
    let given = std::env::var_os(variable).map(PathBuf::from);
    let given = given.filter(|path| path.is_absolute());
    let own = || home().unwrap_or_default().join(below_home);
    given.unwrap_or_else(own).join("labctl")
}
