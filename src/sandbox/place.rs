//! The files of a sandbox.

use std::fs::{self, File, TryLockError};
use std::io;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::plan::{Image, LabName};
use crate::support::folders;
use crate::support::private_files;

use super::{SandboxError, Tell, programs};

/// Where everything of one sandbox lies; nobody but the user may look.
#[derive(Debug, Clone)]
pub struct Place {
    lab: String,
    folder: PathBuf,
}

/// The image that a sandbox was offered, so that it is not looked for at each command.
#[derive(Debug, Serialize, Deserialize)]
struct Offer {
    image: String,
    program: String,
    tag: String,
}

fn root() -> PathBuf {
    folders::state().join("sandbox")
}

/// The sandboxes that there are, running or not.
pub fn all() -> Vec<Place> {
    let Ok(entries) = fs::read_dir(root()) else {
        return Vec::new();
    };
    let names = entries.filter_map(|entry| entry.ok()?.file_name().into_string().ok());
    let mut places: Vec<_> = names
        .filter_map(|name| Some(Place::of(&name.parse().ok()?)))
        .collect();
    places.sort_by(|one, other| one.lab.cmp(&other.lab));
    places
}

impl Place {
    /// Names the place of a lab's sandbox; it need not be there yet.
    pub fn of(lab: &LabName) -> Self {
        Self {
            lab: lab.to_string(),
            folder: root().join(lab.to_string()),
        }
    }

    /// The lab.
    pub fn lab(&self) -> &str {
        &self.lab
    }

    /// The folder.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// The keys of the sandbox's servers, which must not mix with those of real ones.
    pub fn known_hosts(&self) -> PathBuf {
        self.at("known_hosts")
    }

    /// The access key for AWS's other clients, as a file that they read.
    pub fn credentials(&self) -> PathBuf {
        self.at("aws-credentials")
    }

    /// Settings of the laptop that servers find and no image has.
    pub(super) fn settings(&self) -> PathBuf {
        self.at("laptop")
    }

    /// Whether there has been such a sandbox.
    pub fn exists(&self) -> bool {
        self.folder.is_dir()
    }

    pub(super) fn at(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }

    /// Waits until no other labctl starts or ends this sandbox.
    pub(super) async fn lock_starting(&self, tell: Tell<'_>) -> Result<File, SandboxError> {
        // The account is read from there by Python's `pickle`, which runs what it is told.
        private_files::create_own_folder(&self.folder, &folders::state())
            .map_err(SandboxError::file(&self.folder))?;
        lock(self.at("starting"), || {
            tell("waiting for another labctl, which starts or ends this sandbox");
        })
        .await
    }

    /// Whether the sandbox's process lives: it holds a lock for as long.
    pub(super) fn is_held(&self) -> bool {
        let lock = File::open(self.at("lock"));
        lock.is_ok_and(|lock| matches!(lock.try_lock(), Err(TryLockError::WouldBlock)))
    }

    /// The tag that was offered for an image.
    pub(super) fn offers(&self, image: &Image) -> Option<String> {
        let text = fs::read_to_string(self.at("image.json")).ok()?;
        let offer: Offer = serde_json::from_str(&text).ok()?;
        let is_it = offer.image == image.to_string() && offer.program == programs::hash();
        is_it.then_some(offer.tag)
    }

    pub(super) fn remember_offer(&self, image: &Image, tag: &str) -> Result<(), SandboxError> {
        let offer = Offer {
            image: image.to_string(),
            program: programs::hash(),
            tag: tag.to_owned(),
        };
        let path = self.at("image.json");
        let text = serde_json::to_string(&offer).unwrap_or_default();
        private_files::write(&path, text.as_bytes()).map_err(SandboxError::file(path))
    }

    /// Removes the files.
    pub(super) fn remove(&self) -> Result<(), SandboxError> {
        fs::remove_dir_all(&self.folder).map_err(SandboxError::file(&self.folder))
    }
}

/// Takes a lock on a file; says so when that takes a while.
pub(super) async fn lock(path: PathBuf, busy: impl FnOnce()) -> Result<File, SandboxError> {
    let options = File::options()
        .create(true)
        .append(true)
        .open(&path)
        .map_err(SandboxError::file(&path))?;
    match options.try_lock() {
        Ok(()) => return Ok(options),
        Err(TryLockError::Error(error)) => return Err(SandboxError::file(&path)(error)),
        Err(TryLockError::WouldBlock) => busy(),
    }
    let locked = tokio::task::spawn_blocking(move || options.lock().map(|()| options)).await;
    locked
        .map_err(io::Error::other)
        .flatten()
        .map_err(SandboxError::file(path))
}
