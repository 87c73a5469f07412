//! What a sandbox keeps, its account with all secrets in it, is its user's alone, whatever the umask.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use super::rehearsal::Rehearsal;
use crate::host::machine::SMALL;

/// The files below a folder, and those of them that other users of the machine get at.
fn look(folder: &Path, is_reached: bool, all: &mut Vec<PathBuf>, open: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let metadata = path.symlink_metadata().unwrap();
        let is_open = is_reached && metadata.permissions().mode() & 0o077 != 0;
        if metadata.is_dir() {
            look(&path, is_open, all, open);
        } else {
            open.extend(is_open.then(|| path.clone()));
            all.push(path);
        }
    }
}

#[test]
fn no_umask_opens_what_a_sandbox_keeps() {
    let rehearsal = Rehearsal::without_engine(SMALL);
    for line in ["apply --yes", "sandbox down", "plan --detailed-exitcode"] {
        rehearsal.lab.with_umask("000", line).ok();
    }
    let (mut all, mut open) = (Vec::new(), Vec::new());
    look(
        &rehearsal.lab.folder.join("home/.local"),
        true,
        &mut all,
        &mut open,
    );
    assert!(all.len() > 3, "where is the sandbox? {all:?}");
    assert_eq!(open, Vec::<PathBuf>::new());

    // With the tightest one it can still be used.
    for line in ["sandbox down", "plan --detailed-exitcode"] {
        rehearsal.lab.with_umask("077", line).ok();
    }
}
