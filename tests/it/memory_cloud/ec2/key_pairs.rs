//! Key pairs.
//!
//! Sources: EC2 API Reference, "ImportKeyPair", "DescribeKeyPairs",
//! "DeleteKeyPair"; EC2 User Guide, "Create a key pair for your Amazon EC2
//! instance" (ED25519, and RSA of 1024, 2048 or 4096 bits) and "Verify the
//! fingerprint of your key pair".

use std::fmt::Write as _;

use aws_sdk_ec2::operation::{
    delete_key_pair::{DeleteKeyPairInput, DeleteKeyPairOutput},
    describe_key_pairs::{DescribeKeyPairsInput, DescribeKeyPairsOutput},
    import_key_pair::{ImportKeyPairInput, ImportKeyPairOutput},
};
use aws_sdk_ec2::types::{KeyPairInfo, KeyType};
use aws_smithy_types::base64;
use sha2::{Digest, Sha256};

use super::super::filters::{Filters, values};
use super::super::refusal::{Answer, Refusal, missing, refuse, require};
use super::super::register::{Kind, Resource};
use super::super::tags::sole;
use super::super::world::World;

/// A key pair.
pub struct KeyPair {
    pub name: String,
    pub key: PublicKey,
}

impl Resource for KeyPair {
    const KIND: Kind = Kind::KEY_PAIR;
}

/// The public half, without a comment.
pub struct PublicKey {
    pub kind: KeyType,
    algorithm: String,
    blob: Vec<u8>,
}

const FILTERS: Filters<KeyPairInfo> = Filters {
    fields: &[
        ("fingerprint", |pair| values(pair.key_fingerprint())),
        ("key-name", |pair| values(pair.key_name())),
        ("key-pair-id", |pair| values(pair.key_pair_id())),
    ],
    tags: KeyPairInfo::tags,
};

impl World {
    pub fn describe_key_pairs(
        &self,
        input: &DescribeKeyPairsInput,
    ) -> Answer<DescribeKeyPairsOutput> {
        let mut ids = input.key_pair_ids().to_vec();
        for name in input.key_names() {
            ids.push(self.key_pair(name)?);
        }
        let has_public_key = input.include_public_key() == Some(true);
        let rows = self.register.named(&self.key_pairs, &ids)?;
        let view = |(id, pair): (&str, &KeyPair)| {
            KeyPairInfo::builder()
                .key_pair_id(id)
                .key_name(&pair.name)
                .key_type(pair.key.kind.clone())
                .key_fingerprint(pair.key.fingerprint())
                .set_public_key(has_public_key.then(|| pair.key.line(&pair.name)))
                .create_time(self.register.made(id))
                .set_tags(Some(self.register.ec2_tags(id)))
                .build()
        };
        let rows = FILTERS.select(rows.into_iter().map(view).collect(), input.filters())?;
        Ok(DescribeKeyPairsOutput::builder()
            .set_key_pairs(Some(rows))
            .build())
    }

    /// Finds the id of the key pair of a name, if it can be seen.
    pub fn key_pair(&self, name: &str) -> Answer<String> {
        let found = self.key_pair_id(name).filter(|id| self.register.sees(id));
        found
            .map(str::to_owned)
            .ok_or_else(|| Kind::KEY_PAIR.not_found(name))
    }

    fn key_pair_id(&self, name: &str) -> Option<&str> {
        let mut here = self.register.all(&self.key_pairs);
        here.find(|(_, pair)| pair.name == name).map(|(id, _)| id)
    }

    pub fn import_key_pair(&mut self, input: &ImportKeyPairInput) -> Answer<ImportKeyPairOutput> {
        let name = require(input.key_name(), "KeyName")?;
        let tags = sole(input.tag_specifications(), Kind::KEY_PAIR)?;
        let material = input
            .public_key_material()
            .ok_or_else(|| missing("PublicKeyMaterial"))?;
        let key = PublicKey::read(material.as_ref()).ok_or_else(bad_format)?;
        if name.len() > 255 || !name.is_ascii() || name.trim() != name {
            let message = format!("Value ({name}) for parameter keyName is invalid.");
            return Err(refuse("InvalidParameterValue", message));
        }
        if self.key_pair_id(name).is_some() {
            let message = format!("The keypair '{name}' already exists.");
            return Err(refuse("InvalidKeyPair.Duplicate", message));
        }
        let id = self.register.add(Kind::KEY_PAIR, tags);
        let answer = ImportKeyPairOutput::builder()
            .key_pair_id(&id)
            .key_name(name)
            .key_fingerprint(key.fingerprint())
            .set_tags(Some(self.register.ec2_tags(&id)));
        let name = name.to_owned();
        self.key_pairs.insert(id, KeyPair { name, key });
        Ok(answer.build())
    }

    /// Deletes a key pair; one that does not exist is as good as deleted.
    pub fn delete_key_pair(&mut self, input: &DeleteKeyPairInput) -> Answer<DeleteKeyPairOutput> {
        let id = match (input.key_pair_id(), input.key_name()) {
            (Some(id), _) => Some(id.to_owned()),
            (None, name) => self
                .key_pair_id(require(name, "KeyName")?)
                .map(str::to_owned),
        };
        let id = id.filter(|id| self.register.all(&self.key_pairs).any(|(one, _)| one == id));
        if let Some(id) = &id {
            self.key_pairs.remove(id);
            self.register.remove(id);
        }
        Ok(DeleteKeyPairOutput::builder()
            .r#return(true)
            .set_key_pair_id(id)
            .build())
    }
}

fn bad_format() -> Refusal {
    refuse(
        "InvalidKey.Format",
        "Key is not in valid OpenSSH public key format",
    )
}

impl PublicKey {
    /// Reads a line of OpenSSH's form: algorithm, base64, any comment.
    fn read(material: &[u8]) -> Option<Self> {
        let text = std::str::from_utf8(material).ok()?;
        let mut words = text.split_whitespace();
        let algorithm = words.next()?.to_owned();
        let blob = base64::decode(words.next()?).ok()?;
        let mut rest = blob.as_slice();
        if take_field(&mut rest)? != algorithm.as_bytes() {
            return None;
        }
        let kind = match algorithm.as_str() {
            "ssh-ed25519" if take_field(&mut rest)?.len() == 32 => KeyType::Ed25519,
            "ssh-rsa" => {
                take_field(&mut rest)?;
                let modulus = take_field(&mut rest)?;
                let zeros = modulus.iter().take_while(|byte| **byte == 0).count();
                [128, 256, 512]
                    .contains(&(modulus.len() - zeros))
                    .then_some(KeyType::Rsa)?
            }
            _ => return None,
        };
        rest.is_empty().then_some(Self {
            kind,
            algorithm,
            blob,
        })
    }

    /// Spells the key as AWS gives it back: with the pair's name as comment.
    pub fn line(&self, name: &str) -> String {
        format!("{} {} {name}\n", self.algorithm, base64::encode(&self.blob))
    }

    /// Gives a fingerprint in AWS's form; for RSA only the form is AWS's, which
    /// takes MD5 there.
    fn fingerprint(&self) -> String {
        let digest = Sha256::digest(&self.blob);
        if self.kind == KeyType::Ed25519 {
            return base64::encode(digest);
        }
        let mut text = String::new();
        for byte in digest.iter().take(16) {
            let colon = if text.is_empty() { "" } else { ":" };
            let _infallible = write!(text, "{colon}{byte:02x}");
        }
        text
    }
}

/// Takes a field of SSH's wire form: its length in four bytes, then its bytes.
fn take_field<'a>(rest: &mut &'a [u8]) -> Option<&'a [u8]> {
    let (length, tail) = rest.split_first_chunk::<4>()?;
    let length = usize::try_from(u32::from_be_bytes(*length)).ok()?;
    let (field, tail) = tail.split_at_checked(length)?;
    *rest = tail;
    Some(field)
}
