//! A server seen from outside, all the time.

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::thread;

const PROGRAM: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/it/host/poll.py");

/// Somebody who looks at the lab's page, again and again.
pub struct Polled {
    child: Child,
    answers: Arc<Mutex<Vec<String>>>,
}

impl Polled {
    /// Begins to look.
    pub fn start(https_port: u16) -> Self {
        let mut command = Command::new("python3");
        command
            .args([PROGRAM, &https_port.to_string()])
            .stdout(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let answers: Arc<Mutex<Vec<String>>> = Arc::default();
        let (lines, noted) = (
            BufReader::new(child.stdout.take().unwrap()),
            Arc::clone(&answers),
        );
        thread::spawn(move || {
            for line in lines.lines().map_while(Result::ok) {
                noted.lock().unwrap().push(line);
            }
        });
        Self { child, answers }
    }

    /// Takes the answers since the last call.
    fn taken(&self) -> Vec<String> {
        std::mem::take(&mut *self.answers.lock().unwrap())
    }

    /// Forgets what was answered till now.
    pub fn forget(&self) {
        drop(self.taken());
    }

    /// The server has answered each time since the last look; gives how often.
    #[track_caller]
    pub fn has_answered(&self, when: &str) -> usize {
        let answers = self.taken();
        let is_down = |answer: &&String| !answer.starts_with("up ");
        let down: Vec<_> = answers.iter().filter(is_down).collect();
        assert!(
            down.is_empty(),
            "{when}: of {} answers {down:?}",
            answers.len()
        );
        assert!(!answers.is_empty(), "{when}: nobody has looked");
        answers.len()
    }
}

impl Drop for Polled {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
