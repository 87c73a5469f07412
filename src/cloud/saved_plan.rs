//! A saved plan: the change set that somebody looked at, and the live state that
//! it was made from. It is applied only while that state is still the same.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::{Value as Json, json};

use crate::cloud::planning::{Laptop, Planned};
use crate::cloud::resources::LiveResource;
use crate::plan::{LocalFolders, SshPublicKey};
use crate::support::digest::sha256;

/// The format of the file; another one is refused.
const FORMAT: u32 = 1;
/// No saved plan comes near this: it holds a plan file, of at most 1 MiB, and what differs.
pub const MAXIMUM_BYTES: usize = 16 << 20;

/// What `plan --out` writes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SavedPlan {
    /// The format of the file.
    format: u32,
    /// The plan file's name, for messages.
    pub plan_file: String,
    /// The plan file's text.
    pub plan_text: String,
    /// The public key, as an OpenSSH line.
    public_key: String,
    /// The address that stood for `my-ip`.
    my_ip: Option<std::net::IpAddr>,
    /// The lines for the users' `authorized_keys`.
    authorized_keys: BTreeMap<String, Vec<String>>,
    /// The sums of the folders that the plan names, which are read anew.
    #[serde(default)]
    folders: BTreeMap<String, String>,
    /// The sum of the certificate's files, which are read anew: the key itself is not saved.
    #[serde(default)]
    certificate: Option<String>,
    /// The account that was looked at.
    pub account: String,
    /// The SHA-256 of all the rest, so that what is applied is what was shown. It finds accidents; who changes the file
    /// on purpose changes this too. So the file is its owner's alone.
    fingerprint: String,
    /// The live state, resource by resource.
    live: Snapshot,
    /// The change set in the form of `plan --json`.
    pub changes: Json,
}

type Snapshot = BTreeMap<String, Json>;

/// A saved plan that cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SavedPlanError {
    /// It is no saved plan.
    #[error("this is no saved plan of labctl: {0}")]
    NotASavedPlan(String),
    /// It was written by another version.
    #[error("this saved plan has format {0}, and this labctl knows {FORMAT}")]
    OtherFormat(u32),
    /// Its fingerprint does not fit.
    #[error("this saved plan was changed after it was written")]
    Edited,
}

fn certificate_sum(laptop: &Laptop) -> Option<String> {
    let certificate = laptop.certificate.as_ref()?;
    Some(sha256(
        &[&certificate.chain, certificate.key.reveal()].concat(),
    ))
}

fn snapshot(live: &[LiveResource]) -> Snapshot {
    let entry = |live: &LiveResource| {
        let fields = live.body.fields().into_iter();
        let fields: BTreeMap<String, _> = fields.map(|field| (field.path, field.value)).collect();
        let key = format!("{} {}", live.address, live.id);
        (
            key,
            json!({ "owner": format!("{:?}", live.owner), "fields": fields }),
        )
    };
    live.iter().map(entry).collect()
}

impl SavedPlan {
    /// Puts together what is saved.
    pub fn new(name: &str, text: &str, laptop: &Laptop, planned: &Planned, changes: Json) -> Self {
        let saved = Self {
            format: FORMAT,
            plan_file: name.to_owned(),
            plan_text: text.to_owned(),
            public_key: laptop.public_key.to_string(),
            my_ip: laptop.my_ip,
            authorized_keys: laptop.authorized_keys.clone(),
            folders: laptop.folders.sums(),
            certificate: certificate_sum(laptop),
            account: planned.live.account.clone(),
            fingerprint: String::new(),
            live: snapshot(&planned.live.resources),
            changes,
        };
        Self {
            fingerprint: saved.sum(),
            ..saved
        }
    }

    /// The SHA-256 of all but the fingerprint.
    fn sum(&self) -> String {
        let rest = Self {
            fingerprint: String::new(),
            ..self.clone()
        };
        sha256(&json!(rest).to_string())
    }

    /// Reads the text of a saved plan.
    pub fn parse(text: &str) -> Result<Self, SavedPlanError> {
        #[derive(Deserialize)]
        struct Header {
            format: u32,
        }
        let not_one = |error: serde_json::Error| SavedPlanError::NotASavedPlan(error.to_string());
        let header: Header = serde_json::from_str(text).map_err(not_one)?;
        if header.format != FORMAT {
            return Err(SavedPlanError::OtherFormat(header.format));
        }
        let saved: Self = serde_json::from_str(text).map_err(not_one)?;
        match saved.sum() == saved.fingerprint {
            true => Ok(saved),
            false => Err(SavedPlanError::Edited),
        }
    }

    /// The text to write.
    pub fn to_text(&self) -> String {
        format!("{:#}\n", json!(self))
    }

    /// The laptop as it was, with the folders as they are now, and but for the certificate's files.
    pub fn laptop(&self, folders: LocalFolders) -> Result<Laptop, SavedPlanError> {
        let public_key: SshPublicKey = self.public_key.parse().map_err(|_| {
            SavedPlanError::NotASavedPlan("its public key cannot be read".to_owned())
        })?;
        Ok(Laptop {
            public_key,
            my_ip: self.my_ip,
            authorized_keys: self.authorized_keys.clone(),
            folders,
            certificate: None,
        })
    }

    /// Says whether the certificate's files are others than those that were seen.
    pub fn certificate_has_moved(&self, now: &Laptop) -> bool {
        self.certificate != certificate_sum(now)
    }

    /// Says whether the server's half was not looked at.
    pub fn is_without_host(&self) -> bool {
        self.changes["host"].is_null()
    }

    /// Says whether the changes on the server are others than those that were saved.
    pub fn host_has_moved(&self, now: &Json) -> bool {
        self.changes["host"]["changes"] != now["changes"]
    }

    /// Names the folders that are not as they were, by the plan's paths of them.
    pub fn moved_folders(&self, now: &LocalFolders) -> Vec<String> {
        let now = now.sums();
        let moved = now
            .iter()
            .filter(|(path, sum)| self.folders.get(*path) != Some(sum));
        let moved = moved.map(|(path, _)| format!("the folder of `{path}` has changed"));
        moved.collect()
    }

    /// Says what has moved since, one line for each difference.
    pub fn moved(&self, account: &str, live: &[LiveResource]) -> Vec<String> {
        let now = snapshot(live);
        let mut moved = Vec::new();
        if self.account != account {
            moved.push(format!("the account was {} and is {account}", self.account));
        }
        for (name, before) in &self.live {
            match now.get(name) {
                None => moved.push(format!("{name} is gone")),
                Some(after) => moved.extend(moved_fields(name, before, after)),
            }
        }
        let is_new = |name: &&String| !self.live.contains_key(*name);
        moved.extend(
            now.keys()
                .filter(is_new)
                .map(|name| format!("{name} is new")),
        );
        moved
    }
}

fn moved_fields(name: &str, before: &Json, after: &Json) -> Vec<String> {
    if before == after {
        return Vec::new();
    }
    let fields = |entry: &Json| entry["fields"].as_object().cloned().unwrap_or_default();
    let (before, after) = (fields(before), fields(after));
    let paths = before
        .keys()
        .chain(after.keys().filter(|path| !before.contains_key(*path)));
    let mut moved: Vec<String> = paths
        .filter(|path| before.get(*path) != after.get(*path))
        .map(|path| {
            let show = |value: Option<&Json>| value.unwrap_or(&Json::Null).to_string();
            let (was, is) = (show(before.get(path)), show(after.get(path)));
            format!("{name}: `{path}` was {was} and is {is}")
        })
        .collect();
    if moved.is_empty() {
        moved.push(format!("{name} has another owner"));
    }
    moved
}
