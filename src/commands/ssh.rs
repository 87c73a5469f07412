//! `labctl ssh`: becomes the system's `ssh`, with the right options.
//!
//! What the user's own settings of `ssh` lend to a server, such as an agent, they lend to this one too: it is the user's
//! shell. Commands that use `ssh` for labctl itself lend nothing (`system_ssh::OWN`).

use std::process::{Command, ExitCode};

use clap::Args;

use crate::report::Out;

use super::Failure;
use super::arguments::Global;
use super::workflow::server::{self, LOGIN, Visit};
use super::workflow::{session, system_ssh};

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
    let mut ssh = system_ssh::ssh(&visit, &arguments.login, &[]).await?;
    ssh.args(&arguments.command);
    hand_over(ssh)
}

#[cfg(unix)]
fn hand_over(mut ssh: Command) -> Result<ExitCode, Failure> {
    use std::os::unix::process::CommandExt;
    Err(system_ssh::unstarted(&ssh.exec()))
}

#[cfg(not(unix))]
fn hand_over(mut ssh: Command) -> Result<ExitCode, Failure> {
    let status = ssh
        .status()
        .map_err(|error| system_ssh::unstarted(&error))?;
    let code = status.code().and_then(|code| u8::try_from(code).ok());
    Ok(ExitCode::from(code.unwrap_or(1)))
}
