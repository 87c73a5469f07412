//! The system's `ssh`, with the right options, and commands that run as long as
//! somebody on the laptop listens.

use std::io::{BufRead, BufReader, Read};
use std::path::Path;
use std::process::{Child, ChildStdin, Command, Stdio};
use std::thread;

use tokio::sync::mpsc;

use crate::host::ssh::path_beside;

use super::Failure;
use super::server::Visit;

/// For commands of labctl's own, whatever the user's settings of `ssh` are: nothing of the laptop is lent to the server
/// (`-a` its agent, `-x` its screen, `-k` its tickets of Kerberos, `Tunnel` its network), no connection of somebody else
/// is used, whose host key was not compared, and `ssh` gives a server up that is silent for a minute.
pub const OWN: [&str; 15] = [
    "-a",
    "-x",
    "-k",
    "-o",
    "Tunnel=no",
    "-o",
    "ControlPath=none",
    "-o",
    "PermitLocalCommand=no",
    "-o",
    "RemoteCommand=none",
    "-o",
    "ServerAliveInterval=15",
    "-o",
    "ServerAliveCountMax=4",
];
/// Of a flood on stderr, so much of the end is of use.
const SAID_LINES: usize = 20;
/// What `ssh` ends with when it is to blame, and not the command (ssh(1), "EXIT STATUS").
const SSH_FAILED: i32 = 255;

/// Puts the command together that logs in as `login`, with more of `ssh`'s options;
/// what is to be done there comes behind it.
pub async fn ssh(visit: &Visit<'_>, login: &str, options: &[&str]) -> Result<Command, Failure> {
    let server = visit.server();
    let known_hosts = visit.known_hosts();
    let pinned = known_hosts
        .read(&server.id)
        .map(|pinned| match server.is_strict {
            true => pinned.checked,
            false => pinned.keys,
        });
    if pinned.is_ok_and(|keys| keys.is_empty()) {
        // Compares the key with the console, and remembers it for `ssh`.
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
    ssh.args(options);
    ssh.arg("-p").arg(target.port.to_string());
    // It may be in an agent alone.
    let private = path_beside(&server.public_path()).filter(|private| private.is_file());
    if let Some(key) = private {
        ssh.args(["-o", "IdentitiesOnly=yes", "-i"]).arg(key);
    }
    ssh.arg("-l").arg(login).arg("--").arg(&target.address);
    Ok(ssh)
}

/// ssh_config(5): a path with spaces stands in double quotes, and `%` is doubled.
fn quoted(path: &Path) -> String {
    format!("\"{}\"", path.display().to_string().replace('%', "%%"))
}

/// Why `ssh` could not be started.
pub fn unstarted(error: &std::io::Error) -> Failure {
    Failure::said(
        format!("the program `ssh` cannot be started: {error}"),
        "install OpenSSH's client (`openssh-client` on Debian and Ubuntu)",
    )
}

/// A command on the server whose standard input is held open: when labctl ends, however that
/// comes, the input ends, and the command can end too.
#[derive(Debug)]
pub struct Held {
    child: Child,
    _input: Option<ChildStdin>,
    lines: mpsc::UnboundedReceiver<Line>,
    said: Vec<String>,
}

/// A line of a command's output.
#[derive(Debug)]
enum Line {
    Printed(String),
    Said(String),
}

/// How a command ended.
#[derive(Debug)]
pub struct Over {
    /// Its exit status, or that of `ssh`.
    pub status: i32,
    /// The last lines that it said on stderr.
    pub said: Vec<String>,
}

impl Over {
    /// Whether the connection failed, and not the command.
    pub const fn is_lost(&self) -> bool {
        self.status == SSH_FAILED
    }

    /// The last thing that was said.
    pub fn last(&self) -> &str {
        let mut said = self.said.iter().rev().map(|line| line.trim());
        said.find(|line| !line.is_empty())
            .unwrap_or("it did not say why")
    }
}

impl Held {
    /// Starts a shell's line on the server.
    pub fn start(mut ssh: Command, remote: &str) -> Result<Self, Failure> {
        ssh.arg(remote);
        ssh.stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        let mut child = ssh.spawn().map_err(|error| unstarted(&error))?;
        let (sender, lines) = mpsc::unbounded_channel();
        if let Some(stdout) = child.stdout.take() {
            read(stdout, sender.clone(), Line::Printed);
        }
        if let Some(stderr) = child.stderr.take() {
            read(stderr, sender, Line::Said);
        }
        Ok(Self {
            _input: child.stdin.take(),
            child,
            lines,
            said: Vec::new(),
        })
    }

    /// Gives the next line that the command prints; none when it is over.
    pub async fn line(&mut self) -> Option<String> {
        loop {
            match self.lines.recv().await? {
                Line::Printed(line) => return Some(line),
                Line::Said(line) => {
                    let surplus = self.said.len().saturating_sub(SAID_LINES);
                    self.said.drain(..surplus);
                    self.said.push(line);
                }
            }
        }
    }

    /// Gives how it ended; all lines have been read.
    pub fn over(&mut self) -> Over {
        let status = self.child.wait().ok().and_then(|status| status.code());
        Over {
            status: status.unwrap_or(SSH_FAILED),
            said: std::mem::take(&mut self.said),
        }
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        // It has ended by itself already, unless it was left.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn read(
    stream: impl Read + Send + 'static,
    sender: mpsc::UnboundedSender<Line>,
    wrap: fn(String) -> Line,
) {
    thread::spawn(move || {
        for line in BufReader::new(stream).split(b'\n') {
            let Ok(line) = line else { return };
            let line = String::from_utf8_lossy(&line);
            // Nobody may be listening any more.
            if sender
                .send(wrap(line.trim_end_matches('\r').to_owned()))
                .is_err()
            {
                return;
            }
        }
    });
}
