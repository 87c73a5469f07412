//! Host keys: what a server proves itself with.

use std::fmt;

use base64::prelude::{BASE64_STANDARD, BASE64_STANDARD_NO_PAD, Engine as _};
use sha2::{Digest, Sha256};

use crate::support::ssh_encoding::Reader;

/// The types of host keys that labctl verifies, best first (sshd_config(5), `HostKeyAlgorithms`).
const TYPES: [&str; 5] = [
    "ssh-ed25519",
    "ecdsa-sha2-nistp256",
    "ecdsa-sha2-nistp384",
    "ecdsa-sha2-nistp521",
    "ssh-rsa",
];

/// A server's public key.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct HostKey {
    algorithm: &'static str,
    blob: Vec<u8>,
}

impl HostKey {
    /// Takes a key in the form in which it goes over the wire (RFC 4253, section 6.6).
    pub fn from_blob(blob: &[u8]) -> Option<Self> {
        let name = Reader::new(blob).string()?;
        let algorithm = TYPES.into_iter().find(|known| known.as_bytes() == name)?;
        Some(Self {
            algorithm,
            blob: blob.to_vec(),
        })
    }

    /// Reads the two words of a key in text, its type and its base64.
    pub fn from_words(algorithm: &str, blob: &str) -> Option<Self> {
        let key = Self::from_blob(&BASE64_STANDARD.decode(blob).ok()?)?;
        let fits = key.algorithm == algorithm && key.is_whole();
        fits.then_some(key)
    }

    /// Gives OpenSSH's word for the key's type.
    pub const fn algorithm(&self) -> &'static str {
        self.algorithm
    }

    /// Gives the fingerprint in OpenSSH's form (ssh-keygen(1), `-l`).
    pub fn fingerprint(&self) -> String {
        fingerprint(&self.blob)
    }

    /// Whether all fields of the key are there, and nothing behind them.
    fn is_whole(&self) -> bool {
        let mut reader = Reader::new(&self.blob);
        let mut fields = Vec::new();
        while let Some(field) = reader.string() {
            fields.push(field.len());
        }
        reader.is_at_end()
            && match self.algorithm {
                "ssh-ed25519" => matches!(fields[..], [_, 32]),
                _ => fields.len() == 3,
            }
    }
}

/// Gives the SHA-256 of a key in OpenSSH's form.
pub fn fingerprint(blob: &[u8]) -> String {
    let digest = Sha256::digest(blob);
    format!("SHA256:{}", BASE64_STANDARD_NO_PAD.encode(digest))
}

impl fmt::Display for HostKey {
    /// Writes the two words of the key as in `known_hosts`.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let blob = BASE64_STANDARD.encode(&self.blob);
        write!(formatter, "{} {blob}", self.algorithm)
    }
}

impl fmt::Debug for HostKey {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{} {}", self.algorithm, self.fingerprint())
    }
}

/// Names the signature algorithms to offer: those of `first`, then the others.
///
/// The server proves itself with the first that it has too (RFC 4253, section
/// 7.1), so that a key is asked for that can be compared. RSA keys sign with
/// SHA-2 only (RFC 8332).
pub fn preference(first: &[HostKey]) -> String {
    let is_first = |algorithm: &&str| first.iter().any(|key| key.algorithm == *algorithm);
    let (mut order, others): (Vec<&str>, Vec<&str>) = TYPES.into_iter().partition(is_first);
    order.extend(others);
    let signatures = order.into_iter().flat_map(|algorithm| match algorithm {
        "ssh-rsa" => vec!["rsa-sha2-512", "rsa-sha2-256"],
        _ => vec![algorithm],
    });
    signatures.collect::<Vec<_>>().join(",")
}

#[cfg(test)]
mod tests {
    use super::*;

    const BLOB: &str = "AAAAC3NzaC1lZDI1NTE5AAAAIJhrMXX3HLBhAAbqbZBYxgBNpQsJ+2GBbOPAJ9LVJZfl";

    #[test]
    fn a_key_is_read_and_written() {
        let key = HostKey::from_words("ssh-ed25519", BLOB).unwrap();
        assert_eq!(key.to_string(), format!("ssh-ed25519 {BLOB}"));
        assert!(format!("{key:?}").contains("SHA256:"));
    }

    #[test]
    fn a_damaged_key_is_none() {
        assert_eq!(HostKey::from_words("ssh-rsa", BLOB), None);
        assert_eq!(HostKey::from_words("ssh-ed25519", &BLOB[..64]), None);
        assert_eq!(HostKey::from_words("ssh-ed25519", "AAAA"), None);
        assert_eq!(HostKey::from_blob(b""), None);
    }

    #[test]
    fn types_to_compare_come_first() {
        let rsa = HostKey {
            algorithm: "ssh-rsa",
            blob: Vec::new(),
        };
        assert!(preference(&[rsa]).starts_with("rsa-sha2-512,rsa-sha2-256,ssh-ed25519,"));
        assert!(preference(&[]).starts_with("ssh-ed25519,ecdsa-sha2-nistp256,"));
        assert!(!preference(&[]).contains("ssh-rsa"));
    }
}
