//! What comes to the host as folders: those of the laptop, and the model.

use std::sync::Arc;

use schemars::JsonSchema;
use serde::Serialize;

use crate::plan::local_folder::LocalFolder;
use crate::support::digest;

/// A model that the host fetches from the bucket, and that may come later than all else.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Model {
    /// The unit that runs with it, and not without.
    pub unit: &'static str,
    /// The link under which the unit finds it.
    pub link: &'static str,
    /// Where it comes from, such as `s3://bucket/penguin_model`.
    pub source: String,
    /// The program that fetches it.
    pub program: &'static str,
    /// The program's settings.
    pub settings: &'static str,
    /// The link of the environment that it runs in.
    pub environment: &'static str,
    /// The link of the tree that the image is built from.
    pub context: Option<&'static str>,
}

/// A folder of the laptop: laid out aside, and switched to by a link.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tree {
    /// Its name.
    pub name: &'static str,
    /// The link under which units use it.
    pub link: &'static str,
    /// The user besides root who reads it: an account of the system, made where it is missing.
    pub reader: Option<&'static str>,
    /// What is in it.
    pub folder: Arc<LocalFolder>,
}

impl Tree {
    /// Where it is laid out: the same files for the same reader give the same folder.
    pub fn target(&self) -> String {
        let inputs = [self.folder.sha256(), self.reader.unwrap_or("").to_owned()];
        let hash = digest::sha256(&inputs.join("\0"));
        format!("/opt/labctl/{}-{}", self.name, &hash[..12])
    }
}
