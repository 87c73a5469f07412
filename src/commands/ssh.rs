//! `labctl ssh`: becomes the system's `ssh`, with the right options.

use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

use clap::Args;

use crate::cli::Global;
use crate::report::Out;

use super::server::{self, LOGIN, Visit};
use super::{Failure, session};

/// What `ssh` takes.
#[derive(Debug, Args)]
pub struct Arguments {
    /// Log in as this user of the plan, with your own key, instead of as `ubuntu`
    #[arg(short, long, value_name = "USER", default_value = LOGIN)]
    login: String,
    /// Run this instead of a shell
    #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
    command: Vec<String>,
}

/// Finds the server, makes sure that it is the right one, and hands over.
pub async fn run(global: &Global, arguments: &Arguments, out: &Out) -> Result<ExitCode, Failure> {
    let parsed = session::load(global)?;
    if arguments.login != LOGIN {
        server::check_user(&parsed, &arguments.login)?;
    }
    let visit = Visit::new(parsed, global, out).await?;
    let server = visit.server();
    let known_hosts = visit.known_hosts();
    let pinned = known_hosts.read(&server.id).map(|pinned| pinned.keys);
    if pinned.is_ok_and(|keys| keys.is_empty()) {
        // Checks the key against the console, and remembers it for `ssh`.
        server.open().await?;
    }
    let target = server.target().await?;
    let mut ssh = Command::new("ssh");
    ssh.arg("-o").arg(format!("HostKeyAlias={}", target.pin));
    ssh.arg("-o")
        .arg(format!("UserKnownHostsFile={}", quoted(known_hosts.path())));
    ssh.args([
        "-o",
        "GlobalKnownHostsFile=none",
        "-o",
        "StrictHostKeyChecking=yes",
    ]);
    ssh.arg("-p").arg(target.port.to_string());
    if let Some(key) = private_key(&server.public_path()) {
        ssh.args(["-o", "IdentitiesOnly=yes", "-i"]).arg(key);
    }
    ssh.arg("-l")
        .arg(&arguments.login)
        .arg("--")
        .arg(&target.address);
    ssh.args(&arguments.command);
    hand_over(ssh)
}

/// The private key lies beside the public one, by OpenSSH's custom; it may be in an agent alone.
fn private_key(public: &Path) -> Option<PathBuf> {
    let is_public = public
        .extension()
        .is_some_and(|extension| extension == "pub");
    let private = is_public.then(|| public.with_extension(""))?;
    private.is_file().then_some(private)
}

/// ssh_config(5): a path with spaces stands in double quotes, and `%` is doubled.
fn quoted(path: &Path) -> String {
    format!("\"{}\"", path.display().to_string().replace('%', "%%"))
}

#[cfg(unix)]
fn hand_over(mut ssh: Command) -> Result<ExitCode, Failure> {
    use std::os::unix::process::CommandExt;
    Err(unstarted(&ssh.exec()))
}

#[cfg(not(unix))]
fn hand_over(mut ssh: Command) -> Result<ExitCode, Failure> {
    let status = ssh.status().map_err(|error| unstarted(&error))?;
    let code = status.code().and_then(|code| u8::try_from(code).ok());
    Ok(ExitCode::from(code.unwrap_or(1)))
}

fn unstarted(error: &std::io::Error) -> Failure {
    Failure::said(
        format!("the program `ssh` cannot be started: {error}"),
        "install OpenSSH's client (`openssh-client` on Debian and Ubuntu)",
    )
}
