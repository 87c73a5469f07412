//! SSH public keys, as OpenSSH writes them.

use std::fmt;
use std::str::FromStr;

use base64::prelude::{BASE64_STANDARD, Engine as _};

use crate::support::ssh_encoding::Reader;

use super::scalars::Invalid;

/// The algorithm of a public key.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum KeyAlgorithm {
    /// `ssh-ed25519`.
    Ed25519,
    /// `ssh-rsa`.
    Rsa,
    /// Another that OpenSSH knows, such as `ecdsa-sha2-nistp256`. Users may have such keys; EC2 takes none.
    Other(String),
}

/// A public key.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SshPublicKey {
    /// The algorithm.
    pub algorithm: KeyAlgorithm,
    /// The key itself, in base64.
    pub blob: String,
    /// What its owner wrote behind it.
    pub comment: String,
}

/// What OpenSSH calls the algorithms that are neither Ed25519 nor RSA (sshd_config(5), `PubkeyAcceptedAlgorithms`).
const OTHER_ALGORITHMS: [&str; 5] = [
    "ecdsa-sha2-nistp256",
    "ecdsa-sha2-nistp384",
    "ecdsa-sha2-nistp521",
    "sk-ecdsa-sha2-nistp256@openssh.com",
    "sk-ssh-ed25519@openssh.com",
];
const NEW_KEY: &str = "make a key with `ssh-keygen -t ed25519` and give its `.pub` file";
/// What is thought safe, and what OpenSSH still reads.
const RSA_BITS: std::ops::RangeInclusive<usize> = 2048..=16_384;

impl KeyAlgorithm {
    /// Gives OpenSSH's word for it.
    pub fn as_str(&self) -> &str {
        match self {
            Self::Ed25519 => "ssh-ed25519",
            Self::Rsa => "ssh-rsa",
            Self::Other(name) => name,
        }
    }
}

impl FromStr for KeyAlgorithm {
    type Err = Invalid;

    fn from_str(word: &str) -> Result<Self, Invalid> {
        match word {
            "ssh-ed25519" => Ok(Self::Ed25519),
            "ssh-rsa" => Ok(Self::Rsa),
            _ if OTHER_ALGORITHMS.contains(&word) => Ok(Self::Other(word.to_owned())),
            "ssh-dss" => Err(Invalid::new(
                "it is a DSA key, which OpenSSH refuses today",
                NEW_KEY,
            )),
            _ => Err(Invalid::new(
                "it does not start with a type of key, such as `ssh-ed25519`",
                NEW_KEY,
            )),
        }
    }
}

impl SshPublicKey {
    /// Says whether EC2 takes the key for a key pair ("Amazon EC2 key pairs" in the EC2 User Guide: RSA and ED25519).
    ///
    /// # Errors
    ///
    /// Names the algorithm that EC2 does not take.
    pub fn check_importable(&self) -> Result<(), Invalid> {
        match &self.algorithm {
            KeyAlgorithm::Ed25519 | KeyAlgorithm::Rsa => Ok(()),
            KeyAlgorithm::Other(name) => Err(Invalid::new(
                format!("EC2 takes Ed25519 and RSA keys, and this is `{name}`"),
                NEW_KEY,
            )),
        }
    }
}

impl FromStr for SshPublicKey {
    type Err = Invalid;

    /// Reads one line of the form in sshd(8), "AUTHORIZED_KEYS FILE FORMAT", without options.
    fn from_str(text: &str) -> Result<Self, Invalid> {
        let text = text.trim();
        if text.contains("PRIVATE KEY-----") || text.starts_with("PuTTY-User-Key-File") {
            return Err(Invalid::new(
                "this is the private key",
                "give the `.pub` file beside it, and keep this one to yourself; if there is none, `ssh-keygen -y -f PRIVATE_KEY > PRIVATE_KEY.pub` makes it",
            ));
        }
        if text.starts_with("---- BEGIN SSH2") || text.starts_with("-----BEGIN") {
            let help =
                "convert it with `ssh-keygen -i -f FILE`, and give what it prints as a `.pub` file";
            return Err(Invalid::new("the key is not in OpenSSH's form", help));
        }
        let mut words = text.splitn(3, [' ', '\t']);
        let algorithm: KeyAlgorithm = words.next().unwrap_or_default().parse()?;
        let blob = words.next().unwrap_or_default();
        let comment = words.next().unwrap_or_default().trim();
        let damaged = || {
            Invalid::new(
                "the key is damaged or cut off",
                "copy the file again, or write it anew with `ssh-keygen -y -f PRIVATE_KEY`",
            )
        };
        let bytes = BASE64_STANDARD.decode(blob).map_err(|_| damaged())?;
        let mut fields = Reader::new(&bytes);
        let name = fields.string().ok_or_else(damaged)?;
        if name != algorithm.as_str().as_bytes() {
            return Err(damaged());
        }
        match algorithm {
            KeyAlgorithm::Ed25519 => fields
                .string()
                .filter(|key| key.len() == 32 && fields.is_at_end())
                .map(drop)
                .ok_or_else(damaged)?,
            KeyAlgorithm::Rsa => check_rsa(fields).ok_or_else(damaged)??,
            KeyAlgorithm::Other(_) => {}
        }
        if comment.chars().any(char::is_control) {
            return Err(Invalid::new(
                "there is more than one line",
                "give a file with one key",
            ));
        }
        Ok(Self {
            algorithm,
            blob: blob.to_owned(),
            comment: comment.to_owned(),
        })
    }
}

impl fmt::Display for SshPublicKey {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{} {}", self.algorithm.as_str(), self.blob)?;
        if self.comment.is_empty() {
            Ok(())
        } else {
            write!(formatter, " {}", self.comment)
        }
    }
}

/// Checks the length of an RSA key (RFC 4253, section 6.6: exponent, then modulus).
fn check_rsa(mut numbers: Reader<'_>) -> Option<Result<(), Invalid>> {
    let (_exponent, modulus) = (numbers.string()?, numbers.string()?);
    let first = modulus.iter().position(|byte| *byte != 0)?;
    let bits =
        (modulus.len() - first) * 8 - usize::try_from(modulus[first].leading_zeros()).ok()?;
    let fits = RSA_BITS.contains(&bits);
    let error = || {
        Invalid::new(
            format!(
                "the RSA key has {bits} bits, and {} are the least that is safe",
                RSA_BITS.start()
            ),
            NEW_KEY,
        )
    };
    numbers
        .is_at_end()
        .then(|| if fits { Ok(()) } else { Err(error()) })
}

#[cfg(test)]
mod tests {
    use super::*;

    const ED25519: &str = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJhrMXX3HLBhAAbqbZBYxgBNpQsJ+2GBbOPAJ9LVJZfl me@laptop";

    #[test]
    fn keys_keep_their_line() -> Result<(), Invalid> {
        let key: SshPublicKey = ED25519.parse()?;
        assert_eq!(key.algorithm, KeyAlgorithm::Ed25519);
        assert_eq!(key.comment, "me@laptop");
        assert_eq!(key.to_string(), ED25519);
        key.check_importable()
    }

    #[test]
    fn a_type_in_front_must_be_the_type_inside() {
        let text = ED25519.replace("ssh-ed25519", "ssh-rsa");
        assert!(
            text.parse::<SshPublicKey>()
                .is_err_and(|error| error.reason.contains("damaged"))
        );
    }

    #[test]
    fn a_private_key_is_refused_without_repeating_it() {
        let text = "-----BEGIN OPENSSH PRIVATE KEY-----\nsecret\n-----END OPENSSH PRIVATE KEY-----";
        let error = text
            .parse::<SshPublicKey>()
            .err()
            .map(|error| error.to_string())
            .unwrap_or_default();
        assert!(
            error.contains("private key") && error.contains(".pub") && !error.contains("secret")
        );
    }
}
