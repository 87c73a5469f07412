//! `labctl passwd`: the password with which a user signs in to JupyterHub.

use std::process::ExitCode;

use clap::Args;

use crate::host::password::Password;
use crate::host::session as host_session;
use crate::report::Out;

use super::Failure;
use super::arguments::Global;
use super::workflow::server::{self, Visit};
use super::workflow::session;

/// What `passwd` takes.
#[derive(Debug, Args)]
pub struct Arguments {
    /// A user of the plan
    #[arg(value_name = "USER")]
    user: String,
    /// Make a password up, and show it on this terminal
    #[arg(long)]
    generate: bool,
}

/// Asks for a password, or makes one, and sets it on the server.
pub async fn run(global: &Global, arguments: &Arguments, out: &Out) -> Result<ExitCode, Failure> {
    let parsed = session::load(global)?;
    server::check_user(&parsed, &arguments.user)?;
    if !out.is_terminal() {
        return Err(Failure::said(
            "a password is asked for and shown on a terminal only",
            "run it in a terminal; in a script, `labctl ssh sudo chpasswd` reads it from its input",
        ));
    }
    let visit = Visit::new(parsed, global, out).await?;
    let server = visit.server();
    let connection = server.open().await?;
    let password = match arguments.generate {
        true => Password::generate().map_err(unrandom)?,
        false => ask(&arguments.user, out)?,
    };
    host_session::set_password(&connection, &arguments.user, &password).await?;
    if arguments.generate {
        // To the terminal, never to a file that stdout may lead to.
        out.say(&format!(
            "the password of `{}` is: {}",
            arguments.user,
            password.reveal()
        ));
    }
    out.say(&format!(
        "`{}` can sign in with the new password now",
        arguments.user
    ));
    Ok(ExitCode::SUCCESS)
}

fn ask(user: &str, out: &Out) -> Result<Password, Failure> {
    let typed = out.prompt_secret(&format!("new password of `{user}`:"));
    // Who does not want to type it once is not asked again.
    let again = typed.as_ref().and_then(|_| out.prompt_secret("once more:"));
    let help = "nothing was changed; `--generate` makes a good one up";
    match (typed, again) {
        (Some(typed), Some(again)) if typed == again => {
            Password::typed(typed).map_err(|reason| Failure::said(reason, help))
        }
        (Some(_), Some(_)) => Err(Failure::said("the two are not the same", help)),
        _ => Err(Failure::said("nobody answered", help)),
    }
}

fn unrandom(error: std::io::Error) -> Failure {
    Failure::said(
        format!("the system gives no random numbers: {error}"),
        "nothing was changed; leave `--generate` out and type one",
    )
}
