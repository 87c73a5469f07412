//! The programs that labctl brings along: they are written to the cache, and run from there.

use std::fs;
use std::path::PathBuf;

use crate::support::digest::sha256;
use crate::support::{folders, private_files};

use super::SandboxError;

/// Names the files of `python/sandbox` beside their texts.
macro_rules! programs {
    ($($name:literal),* $(,)?) => {
        const PROGRAMS: &[(&str, &str)] = &[
            $(($name, include_str!(concat!("../../python/sandbox/", $name))),)*
            ("image", include_str!("host/image")),
        ];
    };
}

programs![
    "requirements.txt",
    "sandbox/__init__.py",
    "sandbox/__main__.py",
    "sandbox/authority.py",
    "sandbox/check_files.py",
    "sandbox/children.py",
    "sandbox/control.py",
    "sandbox/engine.py",
    "sandbox/files.py",
    "sandbox/images.json",
    "sandbox/keys.py",
    "sandbox/machines.py",
    "sandbox/pins.py",
    "sandbox/seccomp.json",
    "sandbox/server.py",
    "sandbox/servers.py",
    "sandbox/signatures.py",
    "sandbox/state.py",
    "sandbox/storage.py",
    "sandbox/strict.py",
];

/// Names the version of all of them.
pub fn hash() -> String {
    let texts = PROGRAMS.iter().flat_map(|(name, text)| [*name, *text]);
    let hash = sha256(&texts.collect::<Vec<_>>().join("\n"));
    hash[..16].to_owned()
}

/// The text of one.
pub fn text(name: &str) -> &'static str {
    let found = PROGRAMS.iter().find(|(known, _)| *known == name);
    found.map_or("", |(_, text)| *text)
}

/// Gives the path of one, or of the folder of a package; all lie in one folder.
///
/// # Errors
///
/// The cache cannot be written to.
pub fn path(name: &str) -> Result<PathBuf, SandboxError> {
    let folder = folders::cache().join("sandbox").join(hash());
    let package = folder.join("sandbox");
    private_files::create_own_folder(&package, &folders::cache())
        .map_err(SandboxError::file(&package))?;
    for (name, text) in PROGRAMS {
        let file = folder.join(name);
        if fs::read_to_string(&file).is_ok_and(|present| present == *text) {
            continue;
        }
        // In one step: another labctl may be reading it.
        let part = folder.join(format!("{name}.{}", std::process::id()));
        fs::write(&part, text)
            .and_then(|()| fs::rename(&part, &file))
            .map_err(SandboxError::file(&file))?;
    }
    Ok(folder.join(name))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::PROGRAMS;

    #[test]
    fn every_file_is_brought_along() {
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/python/sandbox/sandbox");
        let present = std::fs::read_dir(folder).unwrap();
        let names = present.map(|entry| entry.unwrap().file_name().into_string().unwrap());
        let names = names.filter(|name| name != "__pycache__");
        let present: BTreeSet<_> = names.map(|name| format!("sandbox/{name}")).collect();
        let mut known: BTreeSet<_> = PROGRAMS
            .iter()
            .map(|(name, _)| (*name).to_owned())
            .collect();
        known.remove("image");
        known.remove("requirements.txt");
        assert_eq!(present, known);
    }
}
