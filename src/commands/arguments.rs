//! The arguments that several commands take.

use std::net::IpAddr;
use std::path::PathBuf;
use std::str::FromStr;

use clap::builder::FalseyValueParser;
use clap::{Args, ValueEnum};

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
    pub connect_to: Option<Endpoint>,
    /// Refuse a server whose host key cannot be compared with its console, instead of trusting it on first use
    #[arg(
        long,
        global = true,
        env = "LABCTL_STRICT_HOST_KEY",
        value_parser = FalseyValueParser::new()
    )]
    pub strict_host_key: bool,
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

/// An address and a port to connect to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Endpoint {
    /// A name or an address.
    pub address: String,
    /// The port; 22 unless it is given.
    pub port: u16,
}

impl FromStr for Endpoint {
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

/// A half of a lab.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Half {
    /// What is in AWS.
    Cloud,
    /// What is on the server.
    Host,
}

#[cfg(test)]
mod tests {
    use super::Endpoint;

    #[test]
    fn endpoints_are_read() {
        let cases = [
            ("127.0.0.1:2201", "127.0.0.1", 2201),
            ("bastion.example", "bastion.example", 22),
            ("[::1]:2201", "::1", 2201),
            ("::1", "::1", 22),
        ];
        for (text, address, port) in cases {
            let place: Endpoint = text.parse().unwrap();
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
            assert!(text.parse::<Endpoint>().is_err(), "{text}");
        }
    }
}
