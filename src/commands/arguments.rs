//! The command line: what can be said, and the help that explains it.

use std::net::IpAddr;
use std::path::PathBuf;
use std::str::FromStr;

use clap::builder::FalseyValueParser;
use clap::{Args, Parser, Subcommand};

use crate::commands::{
    adopt, apply, completions, destroy, doctor, init, logs, passwd, plan, render, sandbox, ssh,
    status, tunnel,
};

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
    /// Connect to this address instead of the server's, such as a tunnel's end
    #[arg(
        long,
        global = true,
        value_name = "ADDRESS[:PORT]",
        env = "LABCTL_CONNECT_TO"
    )]
    pub connect_to: Option<Place>,
    /// Do it all in a sandbox on this laptop, without an AWS account; starts it if need be
    #[arg(
        long,
        global = true,
        env = "LABCTL_SANDBOX",
        value_parser = FalseyValueParser::new()
    )]
    pub sandbox: bool,
    /// Show each call to AWS, request ids with errors, and what runs on the server
    #[arg(short, long, global = true)]
    pub verbose: bool,
}

const SSH_PORT: &str = "22";

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
            Self::Doctor(arguments) => arguments.json,
            Self::Status(arguments) => arguments.json,
            Self::Sandbox(arguments) => arguments.is_json(),
            _ => false,
        }
    }
}

/// An address and a port to connect to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// A name or an address.
    pub address: String,
    /// The port; 22 unless it is given.
    pub port: u16,
}

impl FromStr for Place {
    type Err = String;

    /// Reads `ADDRESS`, `ADDRESS:PORT`, `[IPV6]:PORT` or an IPv6 address alone.
    fn from_str(text: &str) -> Result<Self, String> {
        let whole = |address: &str| (address.to_owned(), SSH_PORT.to_owned());
        let (address, port) = match text.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
            Some((address, "")) => whole(address),
            Some((address, rest)) => {
                let port = rest.strip_prefix(':').ok_or("a port comes after `:`")?;
                (address.to_owned(), port.to_owned())
            }
            None if text.parse::<IpAddr>().is_ok() => whole(text),
            None => match text.split_once(':') {
                Some((address, port)) => (address.to_owned(), port.to_owned()),
                None => whole(text),
            },
        };
        let is_plain = |character: char| {
            character.is_ascii_alphanumeric() || matches!(character, '.' | '-' | ':' | '_' | '%')
        };
        if address.is_empty() || address.starts_with('-') || !address.chars().all(is_plain) {
            return Err("the address is a name or an IP address".to_owned());
        }
        let port = port.parse().ok().filter(|port| *port > 0);
        let port = port.ok_or("the port is a number from 1 to 65535")?;
        Ok(Self { address, port })
    }
}

#[cfg(test)]
mod tests {
    use super::Place;

    #[test]
    fn places_are_read() {
        let cases = [
            ("127.0.0.1:2201", "127.0.0.1", 2201),
            ("bastion.example", "bastion.example", 22),
            ("[::1]:2201", "::1", 2201),
            ("::1", "::1", 22),
        ];
        for (text, address, port) in cases {
            let place: Place = text.parse().unwrap();
            assert_eq!(
                (place.address.as_str(), place.port),
                (address, port),
                "{text}"
            );
        }
        for text in [
            "",
            ":22",
            "host:",
            "host:0",
            "host:ssh",
            "-oProxyCommand=x",
            "a b",
        ] {
            assert!(text.parse::<Place>().is_err(), "{text}");
        }
    }
}
