//! `labctl completions`: what a shell needs to complete labctl's words.

use std::process::ExitCode;

use clap::{Args, CommandFactory};
use clap_complete::Shell;

use crate::report::Out;

use super::Cli;
use super::Failure;

/// What `completions` takes.
#[derive(Debug, Args)]
pub struct Arguments {
    /// The shell
    shell: Shell,
}

/// Prints the completions.
pub fn run(arguments: &Arguments, out: &Out) -> Result<ExitCode, Failure> {
    let mut text = Vec::new();
    clap_complete::generate(arguments.shell, &mut Cli::command(), "labctl", &mut text);
    out.result(String::from_utf8_lossy(&text).trim_end());
    Ok(ExitCode::SUCCESS)
}
