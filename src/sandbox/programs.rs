//! The programs that labctl brings along: they are written to the cache, and run from there.

use std::fs;
use std::path::PathBuf;

use crate::support::digest::sha256;
use crate::support::{folders, private_files};

use super::SandboxError;

/// Names the files beside their texts.
macro_rules! programs {
    ($($name:literal),* $(,)?) => {
        const PROGRAMS: &[(&str, &str)] = &[
            $(($name, include_str!(concat!("emulator/", $name))),)*
            ("image", include_str!("host/image")),
        ];
    };
}

programs![
    "authority.py",
    "check_files.py",
    "children.py",
    "control.py",
    "engine.py",
    "files.py",
    "images.json",
    "machines.py",
    "pins.py",
    "requirements.txt",
    "sandbox.py",
    "server.py",
    "servers.py",
    "state.py",
    "storage.py",
    "strict.py",
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

/// Gives the path of one; all lie in one folder.
///
/// # Errors
///
/// The cache cannot be written to.
pub fn path(name: &str) -> Result<PathBuf, SandboxError> {
    let folder = folders::cache().join("sandbox").join(hash());
    private_files::create_folder(&folder).map_err(SandboxError::file(&folder))?;
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
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/src/sandbox/emulator");
        let present = std::fs::read_dir(folder).unwrap();
        let names = present.map(|entry| entry.unwrap().file_name().into_string().unwrap());
        let present: BTreeSet<_> = names.filter(|name| name != "__pycache__").collect();
        let mut known: BTreeSet<_> = PROGRAMS
            .iter()
            .map(|(name, _)| (*name).to_owned())
            .collect();
        known.remove("image");
        assert_eq!(present, known);
    }
}
