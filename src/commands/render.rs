//! `labctl render`: the host's files as they would be pushed, into a folder.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::Args;

use crate::cli::Global;
use crate::host;
use crate::report::Out;

use super::{Failure, session};

/// What `render` takes.
#[derive(Debug, Args)]
pub struct Arguments {
    /// The folder to write to; each file gets its path on the server below it
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
}

/// Renders and writes; asks neither AWS nor the server.
pub fn run(global: &Global, arguments: &Arguments, out: &Out) -> Result<ExitCode, Failure> {
    let parsed = session::load_with_warnings(global, out)?;
    let workbench = session::workbench(&parsed)?;
    let inputs = host::Inputs {
        authorized_keys: session::laptop_without_address(&parsed)?.authorized_keys,
        folders: session::folders(&parsed, out)?,
        // The address is only known once there is a server.
        addresses: Vec::new(),
        certificate: session::certificate(&parsed, out)?,
    };
    let desired = host::desired(&parsed.plan, workbench, &inputs)?;
    for (path, file) in &desired.files {
        if file.is_private() {
            out.say(&format!("`{path}` is private, and is not written"));
            continue;
        }
        let target = arguments.out.join(path.trim_start_matches('/'));
        write(&target, file.content.as_bytes())?;
        out.result(&target.display().to_string());
    }
    for tree in &desired.trees {
        let folder = arguments.out.join(tree.link.trim_start_matches('/'));
        for (path, file) in &tree.folder.files {
            let target = folder.join(path);
            write(&target, &file.content)?;
            close_to_others(&target, file.executable)
                .map_err(|error| unwritten(&target, &error))?;
            out.result(&target.display().to_string());
        }
    }
    Ok(ExitCode::SUCCESS)
}

fn write(target: &Path, content: &[u8]) -> Result<(), Failure> {
    let folder = target.parent().unwrap_or(target);
    std::fs::create_dir_all(folder)
        .and_then(|()| std::fs::write(target, content))
        .map_err(|error| unwritten(target, &error))
}

/// Who has a file for themselves does not find a copy of it that others may read, and programs stay programs.
#[cfg(unix)]
fn close_to_others(target: &Path, is_program: bool) -> std::io::Result<()> {
    use std::os::unix::fs::PermissionsExt as _;
    let mode = if is_program { 0o700 } else { 0o600 };
    std::fs::set_permissions(target, std::fs::Permissions::from_mode(mode))
}

#[cfg(not(unix))]
fn close_to_others(_: &Path, _: bool) -> std::io::Result<()> {
    Ok(())
}

fn unwritten(target: &Path, error: &std::io::Error) -> Failure {
    Failure::said(
        format!("cannot write `{}`: {error}", target.display()),
        "name a folder of yours by `--out`",
    )
}
