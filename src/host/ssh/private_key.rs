//! What can be seen of a private key's file without its passphrase.

use std::fmt;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use base64::prelude::{BASE64_STANDARD, Engine as _};

use crate::plan::SshPublicKey;
use crate::support::bounded;
use crate::support::ssh_encoding::Reader;

/// The largest key, of RSA with 16384 bits, takes 13 KB.
const MAXIMUM_BYTES: usize = 1 << 20;

/// A text that is never printed.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    /// Hides a text.
    pub const fn new(text: String) -> Self {
        Self(text)
    }

    /// Gives the text, for the one that needs it.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("(secret)")
    }
}

/// A private key as it lies in its file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PrivateKey {
    /// It can be used as it is.
    Plain(Secret),
    /// It needs a passphrase.
    Encrypted(Secret),
}

/// Why a private key's file cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum KeyFileProblem {
    /// There is none.
    #[error("it is not there")]
    Missing,
    /// It cannot be read.
    #[error("it cannot be read: {0}")]
    Unreadable(#[source] io::Error),
    /// Others may read it.
    #[error("others may read it (mode {0:04o}), so it is no secret")]
    TooOpen(u32),
    /// It belongs to another public key.
    #[error("it holds another key than the `.pub` file beside it")]
    OtherKey,
    /// It is a key of PuTTY's.
    #[error("it is in PuTTY's form")]
    Putty,
    /// It is something else.
    #[error("it is no private key that labctl can read")]
    Unknown,
}

/// Names the private key's file, which by OpenSSH's custom lies beside the public one's.
pub fn path_beside(public: &Path) -> Option<PathBuf> {
    let is_public = public.extension().is_some_and(|ending| ending == "pub");
    is_public.then(|| public.with_extension(""))
}

/// Reads a private key's file.
pub fn read(path: &Path, public: &SshPublicKey) -> Result<PrivateKey, KeyFileProblem> {
    let problem = |error: io::Error| match error.kind() {
        io::ErrorKind::NotFound => KeyFileProblem::Missing,
        _ => KeyFileProblem::Unreadable(error),
    };
    check_mode(&fs::metadata(path).map_err(problem)?)?;
    let bytes = bounded::read(path, MAXIMUM_BYTES).map_err(problem)?;
    let text = String::from_utf8(bytes).map_err(|_| KeyFileProblem::Unknown)?;
    examine(&text, public)
}

/// Refuses what OpenSSH refuses too (ssh(1), "FILES": ignored if accessible by others).
#[cfg(unix)]
fn check_mode(metadata: &fs::Metadata) -> Result<(), KeyFileProblem> {
    let mode = std::os::unix::fs::PermissionsExt::mode(&metadata.permissions()) & 0o777;
    match mode & 0o077 {
        0 => Ok(()),
        _ => Err(KeyFileProblem::TooOpen(mode)),
    }
}

#[cfg(not(unix))]
fn check_mode(_: &fs::Metadata) -> Result<(), KeyFileProblem> {
    Ok(())
}

/// Says what a file's text is, and whether it belongs to the public key.
pub fn examine(text: &str, public: &SshPublicKey) -> Result<PrivateKey, KeyFileProblem> {
    if text.starts_with("PuTTY-User-Key-File") {
        return Err(KeyFileProblem::Putty);
    }
    // The library wants each line to end, and in one way.
    let text = format!("{}\n", text.trim().replace("\r\n", "\n"));
    let (label, headers, body) = armour(&text).ok_or(KeyFileProblem::Unknown)?;
    let blob = BASE64_STANDARD
        .decode(&public.blob)
        .map_err(|_| KeyFileProblem::Unknown)?;
    let (is_encrypted, is_ours) = match label {
        "OPENSSH PRIVATE KEY" => {
            let (cipher, found) = openssh_header(&body).ok_or(KeyFileProblem::Unknown)?;
            (cipher != b"none", found == blob)
        }
        "RSA PRIVATE KEY" | "EC PRIVATE KEY" | "PRIVATE KEY" => {
            // RFC 1421, section 4.6.1.1, which OpenSSL still follows.
            let is_encrypted = headers.contains("ENCRYPTED");
            (is_encrypted, is_encrypted || has_numbers(&body, &blob))
        }
        "ENCRYPTED PRIVATE KEY" => (true, true),
        _ => return Err(KeyFileProblem::Unknown),
    };
    match (is_ours, is_encrypted) {
        (false, _) => Err(KeyFileProblem::OtherKey),
        (true, true) => Ok(PrivateKey::Encrypted(Secret::new(text))),
        (true, false) => Ok(PrivateKey::Plain(Secret::new(text))),
    }
}

/// Takes off the lines around a key (RFC 7468): its label, its headers and its bytes.
fn armour(text: &str) -> Option<(&str, String, Vec<u8>)> {
    let (label, rest) = text.strip_prefix("-----BEGIN ")?.split_once("-----\n")?;
    let (inside, _) = rest.split_once(&format!("-----END {label}-----"))?;
    let is_header = |line: &&str| line.contains(": ");
    let (headers, body): (Vec<&str>, Vec<&str>) = inside.lines().partition(is_header);
    let body: String = body.iter().map(|line| line.trim()).collect();
    // An encrypted key's header may go on in lines that are no base64; its bytes are of no use anyway.
    let bytes = BASE64_STANDARD
        .decode(&body)
        .ok()
        .or_else(|| (!headers.is_empty()).then(Vec::new))?;
    Some((label, headers.concat(), bytes))
}

/// Reads the part of OpenSSH's form that is never encrypted: cipher and public key (PROTOCOL.key, section 1).
fn openssh_header(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let mut reader = Reader::new(bytes.strip_prefix(b"openssh-key-v1\0")?);
    let cipher = reader.string()?;
    let (_derivation, _options) = (reader.string()?, reader.string()?);
    let count = reader.number()?;
    let public = reader.string()?;
    (count == 1).then_some((cipher, public))
}

/// Whether a key in ASN.1 holds a public key's numbers: the modulus of RSA, the point of ECDSA.
///
/// Both stand there byte by byte (RFC 8017, appendix A.1.2; RFC 5915, section 3).
fn has_numbers(body: &[u8], public: &[u8]) -> bool {
    let mut reader = Reader::new(public);
    let (_name, _exponent_or_curve) = (reader.string(), reader.string());
    let Some(number) = reader.string() else {
        return false;
    };
    let start = number.iter().position(|byte| *byte != 0);
    let number = &number[start.unwrap_or_default()..];
    !number.is_empty() && body.windows(number.len()).any(|window| window == number)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn public() -> SshPublicKey {
        "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJhrMXX3HLBhAAbqbZBYxgBNpQsJ+2GBbOPAJ9LVJZfl"
            .parse()
            .unwrap()
    }

    #[test]
    fn a_secret_is_never_printed() {
        let key = PrivateKey::Encrypted(Secret::new("hunter2".to_owned()));
        assert_eq!(format!("{key:?}"), "Encrypted((secret))");
    }

    #[test]
    fn other_forms_are_named() {
        let examine = |text: &str| examine(text, &public()).unwrap_err().to_string();
        assert!(examine("PuTTY-User-Key-File-3: ssh-ed25519\n").contains("PuTTY"));
        assert!(examine("ssh-ed25519 AAAA").contains("no private key"));
        assert!(examine("").contains("no private key"));
    }

    #[test]
    fn the_file_lies_beside_the_public_one() {
        let beside = |path: &str| path_beside(Path::new(path));
        assert_eq!(beside("/a/id_rsa.pub"), Some(PathBuf::from("/a/id_rsa")));
        assert_eq!(beside("/a/x.pem.pub"), Some(PathBuf::from("/a/x.pem")));
        assert_eq!(beside("/a/id_rsa"), None);
    }

    proptest! {
        #[test]
        fn no_file_is_too_strange(
            label in prop_oneof![Just("OPENSSH PRIVATE KEY"), Just("RSA PRIVATE KEY"), Just("DOG")],
            body in proptest::collection::vec(any::<u8>(), 0..200),
            has_magic in any::<bool>(),
        ) {
            let magic: &[u8] = if has_magic { b"openssh-key-v1\0" } else { b"" };
            let body = BASE64_STANDARD.encode([magic, &body].concat());
            let _ = examine(&format!("-----BEGIN {label}-----\n{body}\n-----END {label}-----\n"), &public());
        }

        #[test]
        fn no_text_is_too_strange(text in ".{0,200}") {
            let _ = examine(&text, &public());
        }
    }
}
