//! The emulator, reached from the server: a laptop's SSH leads a port of the server to it.

use std::process::{Child, Command, Stdio};

use super::machine::Bench;

/// Where the server finds the emulator while a tunnel is open.
pub const EMULATOR: &str = "http://127.0.0.1:5999";

/// An open tunnel; it is closed at the end of the test.
pub struct Tunnel(Child);

impl Tunnel {
    /// Opens one; it needs a moment, in which nobody answers.
    pub fn open(bench: &Bench) -> Self {
        let key = bench.lab.folder.join("home/.ssh/id_ed25519");
        let mut command = Command::new("ssh");
        for option in [
            "BatchMode=yes",
            "StrictHostKeyChecking=no",
            "UserKnownHostsFile=/dev/null",
            "ServerAliveInterval=5",
        ] {
            command.args(["-o", option]);
        }
        command.arg("-N").arg("-i").arg(key).arg("-R");
        command.arg(format!("127.0.0.1:5999:127.0.0.1:{}", bench.lab.port()));
        let port = bench.machine.ssh_port.to_string();
        command.args(["-p", &port, "ubuntu@127.0.0.1"]);
        let quiet = command.stdin(Stdio::null()).stderr(Stdio::null());
        Self(quiet.spawn().unwrap())
    }
}

impl Drop for Tunnel {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}
