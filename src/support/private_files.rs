//! Files and folders of the laptop that are their owner's alone, whatever the umask.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write as _};
use std::path::Path;

/// The mode of a private file (`chmod(2)`).
const FILE_MODE: u32 = 0o600;
const PROGRAM_MODE: u32 = 0o700;
#[cfg(unix)]
const FOLDER_MODE: u32 = 0o700;

/// Makes a folder and those above it that are missing; only the user is let into them.
///
/// # Errors
///
/// As [`fs::DirBuilder::create`]; a folder that is there already is none, and stays as it is.
pub fn create_folder(path: &Path) -> io::Result<()> {
    let mut builder = fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, FOLDER_MODE);
    builder.create(path)
}

/// Makes a folder as [`create_folder`] does, for what is run or believed later, and refuses one into which other users can
/// put something: it, or a folder above it up to the one that has `base` in it, is somebody else's or open to all.
///
/// # Errors
///
/// As [`create_folder`]; and `PermissionDenied`, with the folder, where others can write.
pub fn create_own_folder(path: &Path, base: &Path) -> io::Result<()> {
    create_folder(path)?;
    #[cfg(unix)]
    check_own(path, base)?;
    Ok(())
}

#[cfg(unix)]
fn check_own(path: &Path, base: &Path) -> io::Result<()> {
    use std::os::unix::fs::MetadataExt as _;
    // Who this is, is seen by a new file.
    let probe = path.join(format!(".owner-{}", std::process::id()));
    let user = File::create_new(&probe)?.metadata()?.uid();
    fs::remove_file(&probe)?;
    let above = base.parent().unwrap_or(base);
    for folder in path
        .ancestors()
        .take_while(|folder| folder.starts_with(above))
    {
        let found = fs::metadata(folder)?;
        // In a folder like /tmp nobody replaces what is another's (inode(7), the sticky bit).
        let is_shared = found.mode() & 0o002 != 0 && (found.mode() & 0o1000 == 0 || folder == path);
        if is_shared || (found.uid() != user && found.uid() != 0) {
            let reason = format!("other users can write to `{}`", folder.display());
            return Err(io::Error::new(io::ErrorKind::PermissionDenied, reason));
        }
    }
    Ok(())
}

/// Opens a file to write, as long as it was before; it is made where it is missing.
///
/// # Errors
///
/// It cannot be opened, or its mode cannot be set.
pub fn open(path: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.create(true).truncate(false).write(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, FILE_MODE);
    let file = options.open(path)?;
    close_to_others(&file)?;
    Ok(file)
}

/// Opens a file to write it anew, as [`File::create`] does.
///
/// # Errors
///
/// As [`open`], or the file cannot be emptied.
pub fn create(path: &Path) -> io::Result<File> {
    let file = open(path)?;
    if file.metadata()?.is_file() {
        file.set_len(0)?;
    }
    Ok(file)
}

/// Writes a whole file, as [`fs::write`] does.
///
/// # Errors
///
/// It cannot be opened or written.
pub fn write(path: &Path, content: &[u8]) -> io::Result<()> {
    create(path)?.write_all(content)
}

/// Writes the copy of a file, which its owner may run if it is a program.
///
/// # Errors
///
/// It cannot be opened or written, or its mode cannot be set.
pub fn copy(path: &Path, content: &[u8], is_program: bool) -> io::Result<()> {
    let mut file = create(path)?;
    file.write_all(content)?;
    set_mode(&file, if is_program { PROGRAM_MODE } else { FILE_MODE })
}

/// Takes from others what an older file let them do; a device or a pipe stays as it is.
#[cfg(unix)]
fn close_to_others(file: &File) -> io::Result<()> {
    use std::os::unix::fs::PermissionsExt as _;
    let found = file.metadata()?;
    if !found.is_file() || found.permissions().mode() & 0o077 == 0 {
        return Ok(());
    }
    set_mode(file, FILE_MODE)
}

#[cfg(not(unix))]
fn close_to_others(_: &File) -> io::Result<()> {
    Ok(())
}

#[cfg(unix)]
fn set_mode(file: &File, mode: u32) -> io::Result<()> {
    use std::os::unix::fs::PermissionsExt as _;
    file.set_permissions(fs::Permissions::from_mode(mode))
}

#[cfg(not(unix))]
fn set_mode(_: &File, _: u32) -> io::Result<()> {
    Ok(())
}

#[cfg(all(test, unix))]
mod tests {
    use std::os::unix::fs::{PermissionsExt as _, chown};

    use super::*;

    const NOBODY: u32 = 65534;

    #[test]
    fn folder_of_others_is_refused() {
        let above = std::env::temp_dir().join(format!("labctl-own-{}", std::process::id()));
        let base = above.join("labctl");
        let inner = base.join("sandbox");
        create_own_folder(&inner, &base).unwrap();
        create_own_folder(&inner, &base).unwrap();
        let refused = |folder: &Path| {
            let error = create_own_folder(&inner, &base).unwrap_err();
            assert_eq!(error.kind(), io::ErrorKind::PermissionDenied);
            let text = error.to_string();
            assert!(text.contains(&format!("`{}`", folder.display())), "{text}");
        };
        for folder in [&inner, &base, &above] {
            let set = |mode| fs::set_permissions(folder, fs::Permissions::from_mode(mode)).unwrap();
            set(0o777);
            refused(folder);
            set(0o700);
            // Only root can give it away.
            if chown(folder, Some(NOBODY), None).is_ok() {
                refused(folder);
                chown(folder, Some(0), None).unwrap();
            }
        }
        // As in /tmp, what others have there is theirs, and nothing else.
        fs::set_permissions(&above, fs::Permissions::from_mode(0o1777)).unwrap();
        create_own_folder(&inner, &base).unwrap();
        fs::remove_dir_all(above).unwrap();
    }
}
