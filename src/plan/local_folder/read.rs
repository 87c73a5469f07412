//! The edge: reads a folder from the disk.

use std::borrow::Cow;
use std::fs;
use std::io::Read as _;
use std::path::{Path, PathBuf};

use crate::support::hint::Hint;

use super::ignore::Ignore;
use super::{LocalFile, LocalFolder};

/// A folder goes over SSH within one apply, and through the memory of a small server.
const MOST_BYTES: u64 = 24 << 20;
const MOST_FILES: usize = 2000;
/// What tar(5) holds without tricks, and no file of an app comes near.
const LONGEST_PATH: usize = 200;
const IGNORE_FILE: &str = ".dockerignore";
/// Docker wants to see it, whatever it is told to leave out.
const ALWAYS: &str = "Dockerfile";

/// Why a folder cannot be sent.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// It is not there.
    #[error("there is no folder `{}`", .0.display())]
    Missing(PathBuf),
    /// It is something else.
    #[error("`{}` is not a folder", .0.display())]
    NotAFolder(PathBuf),
    /// Something cannot be read.
    #[error("`{}` cannot be read: {source}", path.display())]
    Io {
        /// What.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// A link leads somewhere else.
    #[error("the link `{0}` leads out of the folder")]
    Escapes(String),
    /// A link leads to a folder, and perhaps round and round.
    #[error("the link `{0}` leads to a folder")]
    LinkToFolder(String),
    /// A pipe, a socket, a device.
    #[error("`{0}` is neither a file nor a folder")]
    Odd(String),
    /// A name that does not travel.
    #[error("`{0}` has a name that cannot be sent")]
    Name(String),
    /// There is too much of it.
    #[error("the folder holds more than {} MiB", MOST_BYTES >> 20)]
    TooLarge,
    /// There are too many files.
    #[error("the folder holds more than {MOST_FILES} files")]
    TooMany,
    /// There is nothing in it.
    #[error("there is no file in the folder")]
    Empty,
}

impl Hint for ReadError {
    fn hint(&self) -> Cow<'static, str> {
        Cow::from(match self {
            Self::Missing(_) | Self::NotAFolder(_) => {
                "write the path of a folder; one that is not absolute starts at the plan file's \
                 folder"
            }
            Self::Io { .. } => "make it readable for you, or name it in `.dockerignore`",
            Self::Escapes(_) | Self::LinkToFolder(_) => {
                "put a copy in its place, or name it in `.dockerignore`: only files of the folder \
                 itself are sent"
            }
            Self::Odd(_) => "remove it, or name it in `.dockerignore`",
            Self::Name(_) => {
                "give it a name of at most 200 letters without control characters, or name it in \
                 `.dockerignore`"
            }
            Self::TooLarge | Self::TooMany => {
                "name in `.dockerignore` what the server does not need, such as data; the bucket \
                 is the place for that"
            }
            Self::Empty => "name a folder with files in it; `.dockerignore` may leave all out",
        })
    }
}

/// Reads a folder, without what its `.dockerignore` leaves out. Links to files
/// within it become copies of these.
///
/// # Errors
///
/// See [`ReadError`]; the first problem ends it.
pub fn read(place: &Path) -> Result<LocalFolder, ReadError> {
    let root = fs::canonicalize(place).map_err(|source| match source.kind() {
        std::io::ErrorKind::NotFound => ReadError::Missing(place.to_owned()),
        _ => io(place)(source),
    })?;
    if !root.is_dir() {
        return Err(ReadError::NotAFolder(place.to_owned()));
    }
    let mut walk = Walk {
        ignore: Ignore::new(&ignored(&root)?),
        root,
        found: LocalFolder::default(),
        bytes: 0,
    };
    walk.folder("")?;
    match walk.found.files.is_empty() {
        true => Err(ReadError::Empty),
        false => Ok(walk.found),
    }
}

fn ignored(root: &Path) -> Result<String, ReadError> {
    let file = root.join(IGNORE_FILE);
    match fs::read(&file) {
        Ok(bytes) => Ok(String::from_utf8_lossy(&bytes).into_owned()),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(String::new()),
        Err(error) => Err(io(&file)(error)),
    }
}

fn io(path: &Path) -> impl FnOnce(std::io::Error) -> ReadError {
    let path = path.to_owned();
    |source| ReadError::Io { path, source }
}

struct Walk {
    root: PathBuf,
    ignore: Ignore,
    found: LocalFolder,
    bytes: u64,
}

impl Walk {
    /// Reads what lies in a folder; its path ends with `/` unless it is the root.
    fn folder(&mut self, below: &str) -> Result<(), ReadError> {
        let place = self.root.join(below);
        for entry in fs::read_dir(&place).map_err(io(&place))? {
            let entry = entry.map_err(io(&place))?;
            let shown = format!("{below}{}", entry.file_name().to_string_lossy());
            let name = entry.file_name().into_string();
            let path = match name {
                Ok(name) if is_plain(&name, below) => format!("{below}{name}"),
                // What is left out need not have a good name.
                _ if self.ignore.leaves_out(&shown) => continue,
                _ => return Err(ReadError::Name(shown.escape_debug().to_string())),
            };
            let kind = entry.file_type().map_err(io(&entry.path()))?;
            match kind {
                kind if kind.is_dir() && self.ignore.skips(&path) => {}
                kind if kind.is_dir() => self.folder(&format!("{path}/"))?,
                _ if path != ALWAYS && self.ignore.leaves_out(&path) => {}
                kind if kind.is_symlink() => self.link(path)?,
                kind if kind.is_file() => self.file(path, &entry.path())?,
                _ => return Err(ReadError::Odd(path)),
            }
        }
        Ok(())
    }

    fn link(&mut self, path: String) -> Result<(), ReadError> {
        let place = self.root.join(&path);
        let target = fs::canonicalize(&place).map_err(io(&place))?;
        match (target.starts_with(&self.root), target.is_dir()) {
            (false, _) => Err(ReadError::Escapes(path)),
            (true, true) => Err(ReadError::LinkToFolder(path)),
            (true, false) => self.file(path, &target),
        }
    }

    fn file(&mut self, path: String, place: &Path) -> Result<(), ReadError> {
        let file = fs::File::open(place).map_err(io(place))?;
        let status = file.metadata().map_err(io(place))?;
        if !status.is_file() {
            return Err(ReadError::Odd(path));
        }
        let left = MOST_BYTES - self.bytes;
        let mut content = Vec::new();
        // One more than is left, which tells that it is too much.
        let read = file.take(left + 1).read_to_end(&mut content);
        let read = read.map_err(io(place))? as u64;
        if read > left {
            return Err(ReadError::TooLarge);
        }
        self.bytes += read;
        if self.found.files.len() == MOST_FILES {
            return Err(ReadError::TooMany);
        }
        let file = LocalFile {
            content,
            executable: is_executable(&status),
        };
        self.found.files.insert(path, file);
        Ok(())
    }
}

fn is_plain(name: &str, below: &str) -> bool {
    !name.chars().any(char::is_control) && name.len() + below.len() <= LONGEST_PATH
}

#[cfg(unix)]
fn is_executable(status: &fs::Metadata) -> bool {
    use std::os::unix::fs::PermissionsExt as _;
    status.permissions().mode() & 0o100 != 0
}

#[cfg(not(unix))]
fn is_executable(_: &fs::Metadata) -> bool {
    false
}
