//! `labctl render`: the host's files as they would be pushed, into a folder.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::Args;

use crate::host;
use crate::report::Out;
use crate::support::private_files;

use super::Failure;
use super::arguments::Global;
use super::workflow::session;

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
        certificate: session::certificate(&parsed, out)?,
        // So is the account.
        account: None,
    };
    let desired = host::desired(&parsed.plan, workbench, &inputs)?;
    for (path, file) in &desired.files {
        if file.is_private() {
            out.say(&format!("`{path}` is private, and is not written"));
            continue;
        }
        let target = arguments.out.join(path.trim_start_matches('/'));
        place(&target, || std::fs::write(&target, &file.content))?;
        out.result(&target.display().to_string());
    }
    for tree in &desired.trees {
        let folder = arguments.out.join(tree.link.trim_start_matches('/'));
        for (path, file) in &tree.folder.files {
            let target = folder.join(path);
            // Who has a file for themselves does not find a copy of it that others may read.
            place(&target, || {
                private_files::copy(&target, &file.content, file.executable)
            })?;
            out.result(&target.display().to_string());
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// Writes a file below the folder, which is made with all that leads to it.
fn place(target: &Path, write: impl FnOnce() -> std::io::Result<()>) -> Result<(), Failure> {
    let folder = target.parent().unwrap_or(target);
    std::fs::create_dir_all(folder)
        .and_then(|()| write())
        .map_err(|error| {
            Failure::said(
                format!("cannot write `{}`: {error}", target.display()),
                "name a folder of yours by `--out`",
            )
        })
}
