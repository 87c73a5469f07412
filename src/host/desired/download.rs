//! Packages that no index has: they come from their vendor, or from a mirror.

use schemars::JsonSchema;
use serde::Serialize;

/// A Debian package that is downloaded as a file, and proven by its sum.
///
/// The address is not part of what it is: the same file from a mirror is the
/// same package.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Download {
    /// The package that the file holds, such as `rstudio-server`.
    pub package: &'static str,
    /// Where the file is.
    pub url: String,
    /// Its SHA-256 sum.
    pub sha256: String,
}

impl Download {
    /// Names it as a plan shows it, and as units take it for an input.
    pub fn path(&self) -> String {
        format!("package.{}", self.package)
    }
}
