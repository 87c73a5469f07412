//! Runs the programs of others, without holding up what else is shown.

use std::io::{BufRead, BufReader, Read, Write};
use std::process::{Command, ExitStatus, Stdio};
use std::thread;

use tokio::sync::mpsc;

use super::Tell;

/// How a program ended.
#[derive(Debug)]
pub struct Ended {
    /// Its exit status.
    pub status: ExitStatus,
    /// What it printed.
    pub stdout: String,
    /// What it said.
    pub stderr: Vec<String>,
}

impl Ended {
    /// Whether it did what it was to do.
    pub fn is_ok(&self) -> bool {
        self.status.success()
    }

    /// The last thing that it said.
    pub fn last(&self) -> String {
        let said = self.stderr.iter().rfind(|line| !line.trim().is_empty());
        let said = said.map(|line| line.trim().to_owned());
        said.unwrap_or_else(|| format!("it ended with {}", self.status))
    }
}

/// Runs a program to its end; each line that it says on stderr is told.
pub async fn run(mut command: Command, input: &str, tell: Tell<'_>) -> std::io::Result<Ended> {
    command.stdin(Stdio::piped());
    command.stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn()?;
    let (stdin, stdout, stderr) = (child.stdin.take(), child.stdout.take(), child.stderr.take());
    let input = input.to_owned();
    thread::spawn(move || {
        // A program that does not read to the end says so by its own exit.
        let _ = stdin.map(|mut stdin| stdin.write_all(input.as_bytes()));
    });
    let (sender, mut lines) = mpsc::unbounded_channel();
    thread::spawn(move || {
        let reader = stderr.map(BufReader::new);
        for line in reader.into_iter().flat_map(|reader| reader.split(b'\n')) {
            let Ok(line) = line else { return };
            if sender
                .send(String::from_utf8_lossy(&line).into_owned())
                .is_err()
            {
                return;
            }
        }
    });
    let running = tokio::task::spawn_blocking(move || {
        let mut printed = Vec::new();
        if let Some(mut stdout) = stdout {
            stdout.read_to_end(&mut printed)?;
        }
        Ok((
            child.wait()?,
            String::from_utf8_lossy(&printed).into_owned(),
        ))
    });
    let mut stderr = Vec::new();
    while let Some(line) = lines.recv().await {
        tell(&line);
        stderr.push(line);
    }
    let (status, stdout) = running.await.map_err(std::io::Error::other).flatten()?;
    Ok(Ended {
        status,
        stdout,
        stderr,
    })
}

/// Runs a program of which only the result is of interest.
pub async fn quietly(command: Command) -> std::io::Result<Ended> {
    run(command, "", &|_| {}).await
}
