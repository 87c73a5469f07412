//! The module's edge: the only place that reads files.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use super::certificate::{CertificateFiles, Which};
use super::keys::SshPublicKey;
use super::model::HttpsMode;
use super::problem::{Problem, Problems};
use super::scalars::FilePath;
use super::source::{Locator, Source};
use super::tree::MAXIMUM_BYTES;
use super::{Parsed, parse};

/// The plan's name in the folder where labctl runs.
const PLAN_FILE: &str = "lab.yaml";
/// The folder that may hold a single plan instead.
const PLAN_FOLDER: &str = "plans";

/// Says why there is no plan.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    /// The file cannot be read.
    #[error("cannot read the plan file `{}`", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// What the operating system says.
        source: io::Error,
    },
    /// The file is not a plan.
    #[error(transparent)]
    Problems(#[from] Problems),
}

/// Says why no plan file was found.
#[derive(Debug, thiserror::Error)]
pub enum FindError {
    /// There is none where labctl looks.
    #[error("there is no plan file: neither `{}` nor a `.yaml` file in `{}`; name one with `--file`, or write one with `labctl init`", file.display(), folder.display())]
    None {
        /// The file that was looked for.
        file: PathBuf,
        /// The folder that was looked into.
        folder: PathBuf,
    },
    /// There is more than one.
    #[error(
        "there are several plan files: {}; name one with `--file`, or write `lab.yaml` with `labctl init`",
        quoted(files)
    )]
    Several {
        /// All of them.
        files: Vec<PathBuf>,
    },
    /// The folder of plans cannot be read.
    #[error("cannot look for a plan file in `{}`; name one with `--file`, or write `lab.yaml` with `labctl init`", folder.display())]
    Io {
        /// The folder.
        folder: PathBuf,
        /// What the operating system says.
        source: io::Error,
    },
}

fn quoted(files: &[PathBuf]) -> String {
    files
        .iter()
        .map(|file| format!("`{}`", file.display()))
        .collect::<Vec<_>>()
        .join(", ")
}

/// Finds the plan file: the one that is named, the one in the environment, `lab.yaml`, or the only one in `plans/`.
///
/// # Errors
///
/// Says where it looked when there is none, or what it found when there are several.
pub fn find(
    explicit: Option<&Path>,
    environment: Option<&Path>,
    directory: &Path,
) -> Result<PathBuf, FindError> {
    if let Some(file) = explicit.or(environment) {
        return Ok(directory.join(file));
    }
    let (file, folder) = (directory.join(PLAN_FILE), directory.join(PLAN_FOLDER));
    if file.is_file() {
        return Ok(file);
    }
    let mut files = match plans_in(&folder) {
        Ok(files) => files,
        Err(source) if source.kind() == io::ErrorKind::NotFound => Vec::new(),
        Err(source) => return Err(FindError::Io { folder, source }),
    };
    match (files.pop(), files.is_empty()) {
        (Some(only), true) => Ok(only),
        (None, _) => Err(FindError::None { file, folder }),
        (Some(last), false) => {
            files.push(last);
            Err(FindError::Several { files })
        }
    }
}

/// Lists the YAML files of a folder in the order of their names.
fn plans_in(folder: &Path) -> io::Result<Vec<PathBuf>> {
    let mut files = fs::read_dir(folder)?
        .map(|entry| entry.map(|entry| entry.path()))
        .collect::<io::Result<Vec<_>>>()?;
    files.retain(|file| {
        file.is_file()
            && file
                .extension()
                .is_some_and(|extension| extension == "yaml" || extension == "yml")
    });
    files.sort();
    Ok(files)
}

/// Reads a plan file.
///
/// # Errors
///
/// Gives every problem of the file, or why it cannot be read.
pub fn load(file: &Path) -> Result<Parsed, LoadError> {
    let bytes = read(file, MAXIMUM_BYTES).map_err(|source| LoadError::Io {
        path: file.to_owned(),
        source,
    })?;
    Ok(from_bytes(&file.display().to_string(), bytes)?)
}

/// Reads a plan from what a file holds, which may be no text at all.
///
/// # Errors
///
/// Gives every problem of the file.
pub fn from_bytes(name: &str, bytes: Vec<u8>) -> Result<Parsed, Problems> {
    let text = String::from_utf8(bytes).map_err(|error| not_text(name, &error.into_bytes()))?;
    parse(name, &text)
}

/// Reads a file up to a little more than a limit, so that a wrong name such as `/dev/zero` does no harm.
fn read(file: &Path, limit: usize) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    File::open(file)?
        .take(limit as u64 + 1)
        .read_to_end(&mut bytes)?;
    Ok(bytes)
}

fn not_text(name: &str, bytes: &[u8]) -> Problems {
    let source = Source::new(name, &String::from_utf8_lossy(bytes));
    let position = source
        .text
        .chars()
        .position(|letter| letter == char::REPLACEMENT_CHARACTER)
        .unwrap_or_default();
    let problem = Problem::error(
        "",
        Locator::new(&source.text).span(position, position + 1),
        "the plan file is not UTF-8 text",
    )
    .with_label("this cannot be read")
    .with_help("save the file as UTF-8 in your editor");
    Problems::new(source, vec![problem])
}

/// The public keys that a plan names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyFiles {
    /// The key of the key pair.
    pub key_pair: SshPublicKey,
    /// The keys of each user.
    pub authorized_keys: BTreeMap<String, Vec<SshPublicKey>>,
}

/// Reads the public keys that a plan names. Relative paths start at the plan file's folder.
///
/// # Errors
///
/// Gives a problem for every key that is missing, unreadable or of no use, at the place that names it.
pub fn read_keys(parsed: &Parsed, home: Option<&Path>) -> Result<KeyFiles, Vec<Problem>> {
    let mut reader = KeyReader {
        parsed,
        home,
        problems: Vec::new(),
    };
    let key_pair = reader.key_pair();
    let mut authorized_keys = BTreeMap::new();
    for (index, user) in parsed
        .plan
        .workbench
        .iter()
        .flat_map(|workbench| &workbench.users)
        .enumerate()
    {
        let files = user.authorized_keys.iter().enumerate();
        let keys = files
            .flat_map(|(key, file)| {
                reader.keys(
                    &format!("workbench.users[{index}].authorized_keys[{key}]"),
                    file,
                )
            })
            .collect();
        authorized_keys.insert(user.name.to_string(), keys);
    }
    match key_pair {
        Some(key_pair) if reader.problems.is_empty() => Ok(KeyFiles {
            key_pair,
            authorized_keys,
        }),
        _ => Err(reader.problems),
    }
}

/// Reads the certificate and the key of the mode `files`, and checks them for the names under which the server is
/// reached, the workbench's domain first; none where the plan has another mode.
///
/// # Errors
///
/// Gives a problem at the place that names the file.
pub fn read_certificate(
    parsed: &Parsed,
    home: Option<&Path>,
    names: &[String],
    now: SystemTime,
) -> Result<Option<CertificateFiles>, Vec<Problem>> {
    let https = parsed
        .plan
        .workbench
        .as_ref()
        .map(|workbench| &workbench.https);
    let https = https.filter(|https| https.mode == HttpsMode::Files);
    let Some((certificate, key)) =
        https.and_then(|https| https.certificate.as_ref().zip(https.key.as_ref()))
    else {
        return Ok(None);
    };
    let place = |which: Which| match which {
        Which::Certificate => ("workbench.https.certificate", certificate, "certificate"),
        Which::Key => ("workbench.https.key", key, "key"),
    };
    let problem = |which: Which, reason: &str, help: &str| {
        let (path, file, noun) = place(which);
        let summary = format!("`{file}` cannot be used as the {noun}");
        parsed.problem(path, summary, help).with_label(reason)
    };
    let bytes = |which: Which| {
        let (_, file, _) = place(which);
        let help =
            "give the path of a file that you may read; relative ones start at the plan's folder";
        let at = parsed.place(file, home);
        let at =
            at.ok_or_else(|| Box::new(problem(which, "your home folder is not known", help)))?;
        read(&at, MAXIMUM_BYTES).map_err(|error| Box::new(problem(which, &error.to_string(), help)))
    };
    let (certificate, key) = match (bytes(Which::Certificate), bytes(Which::Key)) {
        (Ok(certificate), Ok(key)) => (certificate, key),
        (one, other) => {
            let problems = [one.err(), other.err()].into_iter().flatten();
            return Err(problems.map(|problem| *problem).collect());
        }
    };
    CertificateFiles::check(&certificate, &key, names, now)
        .map(Some)
        .map_err(|(which, invalid)| vec![problem(which, &invalid.reason, &invalid.help)])
}

/// Reads key files and collects what is wrong with them.
struct KeyReader<'a> {
    parsed: &'a Parsed,
    home: Option<&'a Path>,
    problems: Vec<Problem>,
}

impl KeyReader<'_> {
    fn key_pair(&mut self) -> Option<SshPublicKey> {
        let path = "instance.key_pair";
        let mut keys = self.keys(path, &self.parsed.plan.instance.key_pair);
        let key = keys.pop()?;
        if !keys.is_empty() {
            self.problem(
                path,
                "the file of the key pair holds several keys",
                "one key is needed",
                "give a file with one public key",
            );
            return None;
        }
        if let Err(error) = key.check_importable() {
            self.problem(
                path,
                "EC2 does not take this key",
                &error.reason,
                &error.help,
            );
            return None;
        }
        Some(key)
    }

    /// Reads all keys of one file; none if there was a problem.
    fn keys(&mut self, path: &str, file: &FilePath) -> Vec<SshPublicKey> {
        let Some(text) = self.text(path, file) else {
            return Vec::new();
        };
        let lines = text
            .lines()
            .map(str::trim)
            .filter(|line| !line.is_empty() && !line.starts_with('#'));
        // A key in several lines is not a list of keys; its own message says what it is.
        let keys: Result<Vec<SshPublicKey>, _> =
            if text.trim_start().starts_with("--") || text.starts_with("PuTTY") {
                text.parse().map(|key| vec![key])
            } else {
                lines.map(str::parse).collect()
            };
        match keys {
            Ok(keys) if keys.is_empty() => {
                self.problem(
                    path,
                    format!("`{file}` is empty"),
                    "there is no key in it",
                    "give the `.pub` file of a key",
                );
                Vec::new()
            }
            Ok(keys) => keys,
            Err(error) => {
                self.problem(
                    path,
                    format!("`{file}` is not a public key"),
                    &error.reason,
                    &error.help,
                );
                Vec::new()
            }
        }
    }

    /// Reads one file.
    fn text(&mut self, path: &str, file: &FilePath) -> Option<String> {
        let Some(place) = self.parsed.place(file, self.home) else {
            self.problem(
                path,
                format!("`{file}` starts at your home folder, which is not known"),
                "no home folder",
                "set `HOME`, or write the whole path",
            );
            return None;
        };
        match read(&place, MAXIMUM_BYTES)
            .and_then(|bytes| String::from_utf8(bytes).map_err(io::Error::other))
        {
            Ok(text) => Some(text),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                let help = format!(
                    "labctl looked for `{}`; make a key with `ssh-keygen -t ed25519`, or correct the path",
                    place.display()
                );
                self.problem(
                    path,
                    format!("the public key `{file}` does not exist"),
                    "no such file",
                    &help,
                );
                None
            }
            Err(error) => {
                let summary = format!("the public key `{file}` cannot be read: {error}");
                self.problem(
                    path,
                    summary,
                    "cannot be read",
                    "give a `.pub` file that you may read",
                );
                None
            }
        }
    }

    fn problem(&mut self, path: &str, summary: impl Into<String>, label: &str, help: &str) {
        self.problems
            .push(self.parsed.problem(path, summary, help).with_label(label));
    }
}
