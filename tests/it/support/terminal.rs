//! A terminal at which somebody types.

use std::io::{Read, Write};
use std::process::{Command, Stdio};

use super::Lab;

/// Runs labctl at a terminal, where somebody types `answer`; gives the exit code and the screen.
pub fn at_terminal(lab: &Lab, arguments: &str, answer: &str) -> (i32, String) {
    let mut child = terminal(lab, arguments).spawn().unwrap();
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

/// A terminal with labctl at it.
fn terminal(lab: &Lab, arguments: &str) -> Command {
    let labctl = lab.command(&[]);
    let line = format!("{} {arguments}", labctl.get_program().display());
    let mut command = Command::new("script");
    command
        .args(["-qec", &line, "/dev/null"])
        .current_dir(&lab.folder);
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
    command
}

/// The same for somebody who types only once the screen shows one of `prompts`, so that the terminal does not echo.
pub fn at_prompt(lab: &Lab, arguments: &str, prompts: &[&str], answer: &str) -> (i32, String) {
    let mut child = terminal(lab, arguments).spawn().unwrap();
    let (mut stdin, mut stdout) = (child.stdin.take().unwrap(), child.stdout.take().unwrap());
    let mut screen = Vec::new();
    let mut lines = answer.split_inclusive('\n');
    let mut buffer = [0; 4096];
    let mut seen = 0;
    while let Ok(count @ 1..) = stdout.read(&mut buffer) {
        screen.extend_from_slice(&buffer[..count]);
        let text = String::from_utf8_lossy(&screen[seen..]).into_owned();
        let is_asked = prompts.iter().any(|prompt| text.contains(prompt));
        if is_asked && text.trim_end().ends_with(':') {
            // The terminal's echo is off a moment before, or after, the question is shown.
            std::thread::sleep(std::time::Duration::from_millis(300));
            seen = screen.len();
            stdin
                .write_all(lines.next().unwrap_or("\n").as_bytes())
                .unwrap();
        }
    }
    let code = child.wait().unwrap().code().unwrap_or(-1);
    (code, String::from_utf8_lossy(&screen).into_owned())
}
