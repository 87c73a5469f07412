//! A folder of the laptop that goes to the server or to the bucket, as a value.
//!
//! [`read`] is the edge; what it gives is compared, sent and uploaded without
//! another look at the disk, so that what was shown is what arrives.

mod ignore;
mod read;

use std::collections::BTreeMap;

use crate::support::digest;

pub use read::{ReadError, read};

/// Files under which people keep secrets, by their names or endings.
const SECRET_NAMES: [&str; 8] = [
    ".env",
    ".Renviron",
    ".netrc",
    ".pypirc",
    "credentials",
    "id_rsa",
    "id_ed25519",
    "secrets.toml",
];
const SECRET_ENDINGS: [&str; 5] = [".pem", ".key", ".p12", ".pfx", ".kdbx"];
/// What a private key (RFC 7468) and an access key of AWS ("IAM identifiers" in
/// the IAM User Guide) begin with.
const SECRET_MARKS: [&str; 2] = ["PRIVATE KEY-----", "aws_secret_access_key"];

/// A folder with everything in it that is sent.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct LocalFolder {
    /// The files by their path in the folder, with `/` between the parts.
    pub files: BTreeMap<String, LocalFile>,
}

/// A file of a folder.
#[derive(Clone, PartialEq, Eq, Default)]
pub struct LocalFile {
    /// The content.
    pub content: Vec<u8>,
    /// Whether it is a program.
    pub executable: bool,
}

impl std::fmt::Debug for LocalFile {
    /// The content may be long, or a secret.
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "LocalFile({} bytes)", self.content.len())
    }
}

impl LocalFolder {
    /// The SHA-256 of all paths, modes and contents.
    pub fn sha256(&self) -> String {
        let lines = self.files.iter().map(|(path, file)| {
            let sum = digest::sha256_of(&file.content);
            format!("{sum} {} {path}\n", u8::from(file.executable))
        });
        digest::sha256(&lines.collect::<String>())
    }

    /// The bytes of all files together.
    pub fn bytes(&self) -> usize {
        self.files.values().map(|file| file.content.len()).sum()
    }

    /// The text of a file, where it is there and is text.
    pub fn text(&self, path: &str) -> Option<&str> {
        std::str::from_utf8(&self.files.get(path)?.content).ok()
    }

    /// The files that look as if they held secrets.
    pub fn secrets(&self) -> Vec<&str> {
        let suspicious = |(path, file): &(&String, &LocalFile)| {
            let name = path.rsplit('/').next().unwrap_or(path);
            let has_mark = |mark: &&str| {
                let content = file.content.windows(mark.len());
                content.into_iter().any(|part| part == mark.as_bytes())
            };
            SECRET_NAMES.contains(&name)
                || SECRET_ENDINGS.iter().any(|ending| name.ends_with(ending))
                || SECRET_MARKS.iter().any(has_mark)
        };
        let found = self.files.iter().filter(suspicious);
        found.map(|(path, _)| path.as_str()).collect()
    }
}

#[cfg(test)]
mod tests;
