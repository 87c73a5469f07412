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
