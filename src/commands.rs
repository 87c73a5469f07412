//! The commands: each puts the stages together, in order, in a file of its own.

pub mod adopt;
pub mod apply;
pub mod completions;
pub mod destroy;
pub mod doctor;
mod failure;
mod front;
pub mod graph;
mod hosting;
pub mod init;
mod interrupt;
pub mod logs;
mod looked;
mod my_ip;
pub mod passwd;
mod pending;
pub mod plan;
pub mod power;
mod rehearsal;
pub mod render;
mod running;
pub mod sandbox;
pub mod schema;
mod server;
mod session;
pub mod ssh;
pub mod status;
mod through;
pub mod tunnel;
pub mod validate;
mod way;

use std::process::ExitCode;

use clap::Parser;

use crate::cli::{Cli, Command};
use crate::report::{Out, OutOptions};

pub use failure::Failure;

/// The exit code of `--detailed-exitcode` for a plan with changes.
pub const HAS_CHANGES: u8 = 2;
const BAD_USAGE: u8 = 1;

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
        Command::Graph => graph::run(global, out),
        Command::Schema => schema::run(out),
        Command::Completions(arguments) => completions::run(arguments, out),
    }
}
