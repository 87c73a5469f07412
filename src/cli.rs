//! The command line: what can be said, and the help that explains it.

use std::net::IpAddr;
use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};

use crate::commands::{adopt, apply, completions, destroy, init, plan, status};

/// Stands up the data-science lab of one YAML plan on AWS, and takes it down.
///
/// There is no state file: what belongs to a lab is marked in AWS itself, so any
/// laptop with the plan and the account can go on where another stopped.
#[derive(Debug, Parser)]
#[command(name = "labctl", version, max_term_width = 100)]
#[command(after_help = "Start with `labctl init`, then `labctl plan` and `labctl apply`.")]
pub struct Cli {
    /// Options that every command takes.
    #[command(flatten)]
    pub global: Global,
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// Options that every command takes.
#[derive(Debug, Args)]
#[command(next_help_heading = "Options of every command")]
pub struct Global {
    /// The plan file [default: lab.yaml, or the only file in plans/]
    #[arg(short, long, global = true, value_name = "FILE", env = "LABCTL_FILE")]
    pub file: Option<PathBuf>,
    /// The profile of your AWS configuration to use [default: AWS_PROFILE]
    #[arg(long, global = true, value_name = "NAME")]
    pub profile: Option<String>,
    /// The address that `my-ip` stands for, instead of asking which it is
    #[arg(long, global = true, value_name = "ADDRESS", env = "LABCTL_MY_IP")]
    pub my_ip: Option<IpAddr>,
    /// Show each call to AWS, and request ids with errors
    #[arg(short, long, global = true)]
    pub verbose: bool,
}

/// What labctl does.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Write a first plan, with comments
    Init(init::Arguments),
    /// Check the plan file, without asking AWS
    Validate,
    /// Show what apply would do
    Plan(plan::Arguments),
    /// Make AWS as the plan says
    Apply(apply::Arguments),
    /// Delete everything that belongs to the lab, and nothing else
    Destroy(destroy::Arguments),
    /// Show the lab as it is
    Status(status::Arguments),
    /// Start the stopped server
    Start,
    /// Stop the server, which then costs only its disk and its address
    Stop,
    /// Take something that exists in AWS into the lab
    Adopt(adopt::Arguments),
    /// Show in which order the plan's resources are made
    Graph,
    /// Print the JSON Schema of plan files, for editors
    Schema,
    /// Print the completions for a shell
    Completions(completions::Arguments),
}

impl Command {
    /// Whether the result is to be JSON.
    pub const fn is_json(&self) -> bool {
        match self {
            Self::Plan(arguments) => arguments.json,
            Self::Apply(arguments) => arguments.json,
            Self::Destroy(arguments) => arguments.json,
            Self::Status(arguments) => arguments.json,
            _ => false,
        }
    }
}
