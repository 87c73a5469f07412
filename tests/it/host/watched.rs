//! labctl at work on a host, watched while it runs; and an agent that is stopped where a test wants it.

use std::io::{BufRead, BufReader, Read, Write};
use std::os::unix::process::ExitStatusExt;
use std::process::{Child, Command, ExitStatus, Output, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::Value;

use super::machine::{Bench, Machine};
use crate::support::Ran;

/// How long anything may take before a test gives up.
const PATIENCE: Duration = Duration::from_secs(120);
const HOLD: &str = include_str!("hold.py");

/// Polls until something is so.
#[track_caller]
pub fn wait(what: &str, is_so: impl Fn() -> bool) {
    let start = Instant::now();
    while !is_so() {
        assert!(start.elapsed() < PATIENCE, "{what}: still not so");
        thread::sleep(Duration::from_millis(50));
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stream {
    Stdout,
    Stderr,
}

/// A labctl that is running.
pub struct Watched {
    child: Child,
    arguments: Vec<String>,
    since: Instant,
    lines: Receiver<(Stream, String)>,
    stdout: String,
    stderr: String,
}

impl Watched {
    /// Starts `labctl apply` with one JSON event a line.
    pub fn apply(bench: &Bench) -> Self {
        Self::start(bench, &["apply", "--yes", "--json"])
    }

    pub fn start(bench: &Bench, arguments: &[&str]) -> Self {
        let mut child = bench.lab.command(arguments).spawn().unwrap();
        let (sender, lines) = channel();
        let stdout: Box<dyn Read + Send> = Box::new(child.stdout.take().unwrap());
        let stderr: Box<dyn Read + Send> = Box::new(child.stderr.take().unwrap());
        for (stream, from) in [(Stream::Stdout, stdout), (Stream::Stderr, stderr)] {
            let sender = sender.clone();
            thread::spawn(move || {
                for line in BufReader::new(from).lines().map_while(Result::ok) {
                    if sender.send((stream, line)).is_err() {
                        return;
                    }
                }
            });
        }
        Self {
            child,
            arguments: arguments.iter().map(|word| (*word).to_owned()).collect(),
            since: Instant::now(),
            lines,
            stdout: String::new(),
            stderr: String::new(),
        }
    }

    /// Takes the next line, or none at the end of both streams.
    fn next(&mut self) -> Option<String> {
        let (stream, line) = match self.lines.recv_timeout(PATIENCE) {
            Ok(line) => line,
            Err(RecvTimeoutError::Disconnected) => return None,
            Err(RecvTimeoutError::Timeout) => panic!("nothing more came\n{}", self.told()),
        };
        let all = match stream {
            Stream::Stdout => &mut self.stdout,
            Stream::Stderr => &mut self.stderr,
        };
        all.push_str(&line);
        all.push('\n');
        Some(line)
    }

    fn told(&self) -> String {
        format!("-- stdout\n{}\n-- stderr\n{}", self.stdout, self.stderr)
    }

    /// Waits until it has said something, on either stream.
    #[track_caller]
    pub fn until(&mut self, words: &str) {
        while let Some(line) = self.next() {
            if line.contains(words) {
                return;
            }
        }
        panic!("it ended without `{words}`\n{}", self.told());
    }

    /// Waits until it has told that a step begins.
    #[track_caller]
    pub fn until_step(&mut self, step: &str) {
        while let Some(line) = self.next() {
            if is_step(&line, step) {
                return;
            }
        }
        panic!("it ended without the step `{step}`\n{}", self.told());
    }

    /// Kills it, as `kill -9` does.
    pub fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// Presses Ctrl-C.
    pub fn interrupt(&self) {
        let id = self.child.id().to_string();
        let status = Command::new("kill").args(["-INT", &id]).status().unwrap();
        assert!(status.success());
    }

    /// Waits for its end.
    pub fn ended(mut self) -> Ran {
        while self.next().is_some() {}
        let status: ExitStatus = self.child.wait().unwrap();
        assert_eq!(status.signal(), None, "{}", self.told());
        let output = Output {
            status,
            stdout: std::mem::take(&mut self.stdout).into_bytes(),
            stderr: std::mem::take(&mut self.stderr).into_bytes(),
        };
        let arguments: Vec<_> = self.arguments.iter().map(String::as_str).collect();
        Ran::new(&arguments, &output, self.since.elapsed())
    }
}

impl Drop for Watched {
    fn drop(&mut self) {
        // It has ended already, unless the test has failed.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// What the host told, event by event.
pub fn events(ran: &Ran) -> Vec<Value> {
    ran.stdout.lines().filter_map(event).collect()
}

/// The steps that were told to begin, in order.
pub fn steps(ran: &Ran) -> Vec<String> {
    let events = events(ran).into_iter();
    let steps = events.filter(|event| event["type"] == "step");
    steps
        .map(|event| event["step"].as_str().unwrap().to_owned())
        .collect()
}

/// The last verdict.
#[track_caller]
pub fn verdict(ran: &Ran) -> Value {
    let events = events(ran).into_iter().rev();
    let mut verdicts = events.filter(|event| event["type"] == "verdict");
    verdicts
        .next()
        .unwrap_or_else(|| panic!("no verdict\n{ran}"))
}

fn event(line: &str) -> Option<Value> {
    let event: Value = serde_json::from_str(line).ok()?;
    (event["event"] == "host").then(|| event["host"].clone())
}

fn is_step(line: &str, step: &str) -> bool {
    event(line).is_some_and(|event| event["type"] == "step" && event["step"] == step)
}

/// Watches a host for the next run of the agent.
pub struct Holding<'a> {
    machine: &'a Machine,
    child: Child,
    lines: BufReader<std::process::ChildStdout>,
}

/// A run whose agent stands still.
pub struct Held<'a> {
    machine: &'a Machine,
    pub run: String,
    process: u32,
}

impl Machine {
    /// Stops the agent in its tracks when its next run begins this step; before anything if it is empty.
    pub fn hold_at(&self, step: &str) -> Holding<'_> {
        let mut command = self.command("python3");
        command.args(["-I", "-", step]);
        command.stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let mut stdin = child.stdin.take().unwrap();
        stdin.write_all(HOLD.as_bytes()).unwrap();
        drop(stdin);
        let lines = BufReader::new(child.stdout.take().unwrap());
        let mut holding = Holding {
            machine: self,
            child,
            lines,
        };
        assert_eq!(holding.line(), "ready");
        holding
    }

    /// The names of the runs that the host knows, the newest last.
    pub fn runs(&self) -> Vec<String> {
        let runs = self.sh("ls -tr /var/lib/labctl/runs");
        runs.lines().map(str::to_owned).collect()
    }
}

impl<'a> Holding<'a> {
    fn line(&mut self) -> String {
        let mut line = String::new();
        self.lines.read_line(&mut line).unwrap();
        line.trim().to_owned()
    }

    /// Waits until the agent stands still.
    pub fn held(mut self) -> Held<'a> {
        let line = self.line();
        self.child.wait().unwrap();
        let (run, process) = line.split_once(' ').unwrap_or_else(|| panic!("`{line}`"));
        Held {
            machine: self.machine,
            run: run.to_owned(),
            process: process.parse().unwrap(),
        }
    }
}

impl Held<'_> {
    /// Whether the run was over before its agent could be stopped.
    pub const fn is_over(&self) -> bool {
        self.process == 0
    }

    /// Lets the agent go on.
    pub fn release(&self) {
        if !self.is_over() {
            self.machine.sh(&format!("kill -CONT {}", self.process));
        }
    }

    /// Kills the agent.
    pub fn kill(&self) {
        assert!(!self.is_over(), "there is nothing left to kill");
        self.machine.sh(&format!("kill -KILL {}", self.process));
    }

    /// Whether the run has its verdict.
    pub fn has_ended(&self) -> bool {
        let events = format!("/var/lib/labctl/runs/{}/events.jsonl", self.run);
        let found = self
            .machine
            .try_sh(&format!("tail -n 1 {events} | grep -q '\"verdict\"'"));
        found.status.success()
    }
}
