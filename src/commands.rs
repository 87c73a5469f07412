//! The command line, and the commands: each puts the stages together, in order, in a file of its own.

pub mod adopt;
pub mod apply;
pub mod arguments;
pub mod completions;
pub mod cost;
pub mod destroy;
pub mod doctor;
pub mod graph;
pub mod init;
pub mod logs;
pub mod passwd;
pub mod plan;
pub mod power;
pub mod render;
pub mod sandbox;
pub mod schema;
pub mod sizes;
pub mod ssh;
pub mod status;
pub mod tunnel;
pub mod validate;
pub mod workflow;

use std::process::ExitCode;

use arguments::Global;
use clap::{Parser, Subcommand};

use crate::report::{Out, OutOptions};

pub use workflow::Failure;

/// The exit code of `--detailed-exitcode` for a plan with changes.
pub const HAS_CHANGES: u8 = 2;
const BAD_USAGE: u8 = 1;

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

/// What labctl does.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Write a first plan, with comments
    Init(init::Arguments),
    /// Check the plan file, without asking AWS
    Validate,
    /// Show what apply would do
    Plan(plan::Arguments),
    /// Make AWS and the server as the plan says
    Apply(apply::Arguments),
    /// Delete everything that belongs to the lab, and nothing else
    Destroy(destroy::Arguments),
    /// Show the lab as it is
    Status(status::Arguments),
    /// Show what the plan's lab costs by the hour and the month, without asking AWS
    Cost(cost::Arguments),
    /// Find the instance types that suit so many users and so much data, cheapest first
    Sizes(sizes::Arguments),
    /// Start the stopped server
    Start,
    /// Stop the server, which then costs only its disk and its address
    Stop,
    /// Take something that exists in AWS into the lab
    Adopt(adopt::Arguments),
    /// Open a shell on the server, or run a command there
    Ssh(ssh::Arguments),
    /// Reach a service of the server from this laptop alone, through SSH
    Tunnel(tunnel::Arguments),
    /// Show what a service on the server wrote
    Logs(logs::Arguments),
    /// Find what is wrong between a browser and the services, and what to do
    Doctor(doctor::Arguments),
    /// Set the password with which a user signs in to JupyterHub
    Passwd(passwd::Arguments),
    /// Emulate AWS and the lab's servers on this laptop, to try and to rehearse
    Sandbox(sandbox::Arguments),
    /// Write the server's files to a folder, without asking anybody
    Render(render::Arguments),
    /// Show in which order the plan's resources are made
    Graph(graph::Arguments),
    /// Print the JSON Schema of plan files, for editors
    Schema,
    /// Print the completions for a shell
    Completions(completions::Arguments),
}

impl Command {
    /// Whether the result is to be JSON.
    pub const fn is_json(&self) -> bool {
        match self {
            Self::Plan(arguments) => arguments.is_json(),
            Self::Apply(arguments) => arguments.json,
            Self::Cost(arguments) => arguments.json,
            Self::Sizes(arguments) => arguments.json,
            Self::Destroy(arguments) => arguments.json,
            Self::Doctor(arguments) => arguments.json,
            Self::Status(arguments) => arguments.json,
            Self::Sandbox(arguments) => arguments.is_json(),
            _ => false,
        }
    }
}

/// Runs labctl with the process's arguments.
pub fn run() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => {
            let is_help = !error.use_stderr();
            // Whoever reads the help may have closed the pipe: no matter.
            let _ = error.print();
            return ExitCode::from(if is_help { 0 } else { BAD_USAGE });
        }
    };
    let out = Out::new(OutOptions {
        json: cli.command.is_json(),
        verbose: cli.global.verbose,
        ..OutOptions::default()
    });
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build();
    let result = match runtime {
        Ok(runtime) => runtime.block_on(command(&cli, &out)),
        Err(error) => Err(Failure::said(
            format!("the system gives no means to wait for AWS: {error}"),
            "close other programs and try again",
        )),
    };
    match result {
        Ok(_) if out.has_lost() => ExitCode::from(BAD_USAGE),
        Ok(code) => code,
        Err(failure) => failure.report(&out),
    }
}

async fn command(cli: &Cli, out: &Out) -> Result<ExitCode, Failure> {
    let global = &cli.global;
    match &cli.command {
        Command::Init(arguments) => init::run(global, arguments, out),
        Command::Validate => validate::run(global, out),
        Command::Plan(arguments) => plan::run(global, arguments, out).await,
        Command::Apply(arguments) => apply::run(global, arguments, out).await,
        Command::Destroy(arguments) => destroy::run(global, arguments, out).await,
        Command::Status(_) => status::run(global, out).await,
        Command::Cost(arguments) => cost::run(global, arguments, out),
        Command::Sizes(arguments) => sizes::run(global, arguments, out),
        Command::Start => power::start(global, out).await,
        Command::Stop => power::stop(global, out).await,
        Command::Adopt(arguments) => adopt::run(global, arguments, out).await,
        Command::Ssh(arguments) => ssh::run(global, arguments, out).await,
        Command::Tunnel(arguments) => tunnel::run(global, arguments, out).await,
        Command::Logs(arguments) => logs::run(global, arguments, out).await,
        Command::Doctor(arguments) => doctor::run(global, arguments, out).await,
        Command::Passwd(arguments) => passwd::run(global, arguments, out).await,
        Command::Sandbox(arguments) => sandbox::run(global, arguments, out).await,
        Command::Render(arguments) => render::run(global, arguments, out),
        Command::Graph(arguments) => graph::run(global, arguments, out),
        Command::Schema => schema::run(out),
        Command::Completions(arguments) => completions::run(arguments, out),
    }
}
