//! labctl at a terminal, which `script` makes.

use std::io::Write;
use std::process::{Command, Stdio};

use super::Lab;

impl Lab {
    /// Runs labctl at a terminal, where somebody types `answer`; gives the exit code and the screen.
    pub fn at_terminal(&self, arguments: &str, answer: &str) -> (i32, String) {
        let labctl = self.command(&[]);
        let line = format!("{} {arguments}", labctl.get_program().display());
        let mut command = Command::new("script");
        command
            .args(["-qec", &line, "/dev/null"])
            .current_dir(&self.folder);
        let variables = labctl
            .get_envs()
            .filter_map(|(name, value)| Some((name, value?)));
        command.env_clear().envs(variables);
        command.envs([
            ("PATH", "/usr/bin:/bin"),
            ("TERM", "xterm"),
            ("SHELL", "/bin/sh"),
        ]);
        command.stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = command.spawn().unwrap();
        child
            .stdin
            .take()
            .unwrap()
            .write_all(answer.as_bytes())
            .unwrap();
        let output = child.wait_with_output().unwrap();
        let screen = String::from_utf8_lossy(&output.stdout).into_owned();
        (output.status.code().unwrap_or(-1), screen)
    }
}
