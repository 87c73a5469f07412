//! The room on the server's disk that an apply takes, in bytes.
//!
//! Estimated from what was measured on Debian 12: rather too much than too little, since a full
//! disk costs the user more than a volume one size up, but not so much that a server that would
//! do is refused. What a package of the plan brings along cannot be known before it is installed.

use super::change::HostChange;
use super::desired::Environment;
use super::diff::HostDiff;

/// Bytes.
pub const MEBIBYTE: u64 = 1 << 20;
/// Files, logs, and what a run stages.
const FILES: u64 = 200 * MEBIBYTE;
/// Packages with the archives that they come in. R with its compilers and Docker are the largest:
/// together with NGINX and seven more they took 700 MiB.
const PACKAGES: u64 = 500 * MEBIBYTE;
const PACKAGE: u64 = 40 * MEBIBYTE;
/// A vendor's package, RStudio Server's being the largest: a file of 100 MB that unpacks to 500.
const DOWNLOAD: u64 = 700 * MEBIBYTE;
/// An environment without its packages, and with what its installer keeps beside it.
const ENVIRONMENT: u64 = 100 * MEBIBYTE;
/// A package with what it depends on: JupyterHub's and JupyterLab's ten took 350 MiB, Node's two 240.
const REQUIREMENT: u64 = 110 * MEBIBYTE;
/// A language that comes with its environment.
const INTERPRETER: u64 = 500 * MEBIBYTE;
/// What is built from a folder with a Dockerfile: the image of a language, and some packages.
const IMAGE: u64 = 700 * MEBIBYTE;

/// What an environment takes while it is built.
pub fn environment(environment: &Environment) -> u64 {
    let packages = environment.package_count();
    let interpreter = environment.version.as_ref().map_or(0, |_| INTERPRETER);
    ENVIRONMENT + REQUIREMENT * packages as u64 + interpreter
}

/// What an apply takes beside environments and swap.
pub fn without_environments(diff: &HostDiff) -> u64 {
    let count = |wanted: fn(&HostChange) -> bool| {
        diff.changes.iter().filter(|change| wanted(change)).count() as u64
    };
    let packages = match count(|change| matches!(change, HostChange::Package(_))) {
        0 => 0,
        packages => PACKAGES + PACKAGE * packages,
    };
    let downloads = count(|change| matches!(change, HostChange::Download { .. }));
    let images = count(
        |change| matches!(change, HostChange::Tree { tree, .. } if tree.folder.text("Dockerfile").is_some()),
    );
    FILES + packages + DOWNLOAD * downloads + IMAGE * images
}

#[cfg(test)]
mod tests;
