//! A sealed lab: a folder with a home and a plan, an AWS account of its own, and labctl in it.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::Ran;
use super::emulator::{Emulator, emulator, python};

const ED25519_KEY: &str =
    "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIGfVvvSp+vjveB+joCr3b9hXgAQZLoOL0Wg7g8pCsgOr test\n";
const RSA_KEY: &str = "ssh-rsa AAAAB3NzaC1yc2EAAAADAQABAAABAQCyWwOr3NZWIy4EhTSM4JXpqy0JTPI7wUT9c6AqxRLMHaFABQ/VSH6TCSKAPGNx1AY8xd4LhQJdcZWCYeZTCalLwL9d0U2H3Az7WbHTudJl0PHIgUgX6tzNMID30yl7Pii2kYmbf0aXmwXG1YxSXGqANbSKrsAejK3yDJo9wQJJhi4FAgvOtDqlGKpR6otBkk4bTCVGLGdGJhu8iT35GtrlmXHIA4bR8J4lqF3x66O/hEJJ7kRYAQEyrXQbFVHeUjJke8QHB2JqMViWrLey/9PK3GLmCgu7avBnVNdeegNluWOCwE/zVPMV017gJCtw2gvpe69DyyktovyM7tPpIoNR test\n";
/// What must never be printed.
pub const SECRET: &str = "wJalrXUtnFEMIsecretKEYbPxRfiCYsecret";
pub const TOKEN: &str = "IQoJb3JpZ2luX2VjEFQaCXVzLWVhc3Qtsession";
const NOBODY: &str = "http://127.0.0.1:1";
const FULL: &str = include_str!("../../../plans/do4ds-lab.yaml");
const FULL_BUCKET: &str = "do4ds-lab-penguins";
/// How long anything may take before a test gives up.
const PATIENCE: Duration = Duration::from_secs(60);

/// A folder, a home, an account.
pub struct Lab {
    pub folder: PathBuf,
    pub account: String,
    emulator: Option<&'static Emulator>,
    /// Whether labctl may go to the server; somebody must stand in for it then.
    pub has_server: bool,
    variables: Vec<(String, String)>,
}

/// One request that reached the emulator.
#[derive(Debug, Clone)]
pub struct Request {
    pub operation: String,
    pub writes: bool,
    /// The account that a bucket must belong to, where the request says so.
    pub expected_owner: Option<String>,
    pub start: f64,
    pub end: f64,
}

impl Lab {
    /// A lab of no plan, for which AWS is out of reach.
    pub fn offline() -> Self {
        static COUNT: AtomicUsize = AtomicUsize::new(0);
        let count = COUNT.fetch_add(1, Ordering::Relaxed);
        let account = format!("{:08}{count:04}", std::process::id());
        let folder = Path::new(env!("CARGO_TARGET_TMPDIR"))
            .join("labs")
            .join(&account);
        let _ = fs::remove_dir_all(&folder);
        fs::create_dir_all(folder.join("home/.ssh")).unwrap();
        lay_out_examples(&folder);
        let lab = Self {
            folder,
            account,
            emulator: None,
            has_server: false,
            variables: Vec::new(),
        };
        lab.write("home/.ssh/id_ed25519.pub", ED25519_KEY);
        lab.write("home/.ssh/id_rsa.pub", RSA_KEY);
        let home = lab.folder.join("home").display().to_string();
        lab.with("HOME", &home)
            .with("AWS_ENDPOINT_URL", NOBODY)
            .with("AWS_EC2_METADATA_DISABLED", "true")
            .with("AWS_SECRET_ACCESS_KEY", SECRET)
            .with("AWS_SESSION_TOKEN", TOKEN)
            .with("LABCTL_MY_IP", "203.0.113.7")
    }

    /// A lab of this plan in an empty account of the emulator.
    pub fn new(plan: &str) -> Self {
        let mut lab = Self::offline();
        let emulator = emulator();
        lab.emulator = Some(emulator);
        lab.write("lab.yaml", plan);
        let account = lab.account.clone();
        lab.with(
            "AWS_ENDPOINT_URL",
            &format!("http://127.0.0.1:{}", emulator.port),
        )
        .with("AWS_ACCESS_KEY_ID", &account)
    }

    /// The lab of `plans/do4ds-lab.yaml`, with a bucket's name of its own.
    pub fn full() -> Self {
        let lab = Self::new(FULL);
        lab.edit(FULL_BUCKET, &lab.bucket());
        lab
    }

    /// The bucket's name in [`Lab::full`]: names of buckets are shared by all accounts.
    pub fn bucket(&self) -> String {
        format!("lab-{}", self.account)
    }

    /// Sets a variable for all that follows.
    pub fn with(mut self, name: &str, value: &str) -> Self {
        self.set(name, value);
        self
    }

    /// Sets a variable for all that follows.
    pub fn set(&mut self, name: &str, value: &str) {
        self.variables.retain(|(known, _)| known != name);
        self.variables.push((name.to_owned(), value.to_owned()));
    }

    /// Unsets a variable.
    pub fn without(mut self, name: &str) -> Self {
        self.variables.retain(|(known, _)| known != name);
        self
    }

    pub fn write(&self, file: &str, text: &str) {
        let file = self.folder.join(file);
        fs::create_dir_all(file.parent().unwrap()).unwrap();
        fs::write(file, text).unwrap();
    }

    pub fn read(&self, file: &str) -> String {
        fs::read_to_string(self.folder.join(file)).unwrap()
    }

    /// Replaces a text in the plan, as a user would in an editor.
    pub fn edit(&self, old: &str, new: &str) {
        let text = self.read("lab.yaml");
        assert!(text.contains(old), "no `{old}` in the plan");
        self.write("lab.yaml", &text.replace(old, new));
    }

    /// Takes the lines of the plan's section `key` out.
    pub fn cut(&self, key: &str) {
        let text = self.read("lab.yaml");
        let mut is_inside = false;
        let kept = text.split_inclusive('\n').filter(|line| {
            if line.starts_with(|first: char| first.is_ascii_lowercase()) {
                is_inside = line.starts_with(&format!("{key}:"));
            }
            !is_inside
        });
        let kept: String = kept.collect();
        assert_ne!(kept, text, "no section `{key}` in the plan");
        self.write("lab.yaml", &kept);
    }

    /// The labctl binary in this lab, and nothing of the tester's own surroundings.
    pub fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_labctl"));
        command.args(arguments).current_dir(&self.folder);
        // The addresses of the emulator's servers lead nowhere, or to somebody else.
        let is_at_large = matches!(arguments.first(), Some(&("plan" | "apply")))
            && !arguments.contains(&"--only")
            && !arguments.contains(&"--help");
        if is_at_large && !self.has_server {
            command.args(["--only", "cloud"]);
        }
        command.env_clear().envs(self.variables.iter().cloned());
        command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        command
    }

    /// Runs labctl to its end.
    pub fn labctl(&self, arguments: &[&str]) -> Ran {
        let start = Instant::now();
        let output = self.command(arguments).output().unwrap();
        Ran::new(arguments, &output, start.elapsed())
    }

    /// Runs a line of labctl with an upper bound on its memory.
    pub fn bounded(&self, kibibytes: u32, line: &str) -> Ran {
        let labctl = self.command(&[]);
        let mut command = Command::new("sh");
        let limited = format!("ulimit -v {kibibytes}; exec \"$0\" {line}");
        command.args(["-c", &limited]).arg(labctl.get_program());
        command.current_dir(&self.folder).env_clear();
        for (name, value) in labctl.get_envs() {
            command.env(name, value.unwrap_or_default());
        }
        let start = Instant::now();
        let output = command.output().unwrap();
        Ran::new(&[line], &output, start.elapsed())
    }

    /// Runs a line of labctl with a umask.
    pub fn with_umask(&self, umask: &str, line: &str) -> Ran {
        let arguments: Vec<&str> = line.split(' ').collect();
        let labctl = self.command(&arguments);
        let mut command = Command::new("sh");
        let run = format!("umask {umask}; exec \"$0\" \"$@\"");
        command.args(["-c", &run]).arg(labctl.get_program());
        command.args(labctl.get_args()).current_dir(&self.folder);
        command.env_clear().envs(self.variables.iter().cloned());
        let start = Instant::now();
        let output = command.stdin(Stdio::null()).output().unwrap();
        Ran::new(&arguments, &output, start.elapsed())
    }

    /// Applies and checks that nothing is left to do.
    pub fn apply(&self) -> Ran {
        let ran = self.labctl(&["apply", "--yes"]).ok();
        self.labctl(&["plan", "--detailed-exitcode"]).ok();
        ran
    }

    /// Starts labctl and waits until the emulator has seen this many writes of it.
    pub fn start(&self, arguments: &[&str], writes: usize) -> Child {
        self.forget_requests();
        let child = self.command(arguments).spawn().unwrap();
        self.wait(|lab| lab.requests().iter().filter(|one| one.writes).count() >= writes);
        child
    }

    /// Waits until the emulator has answered everything.
    pub fn wait_until_idle(&self) {
        self.wait(|lab| lab.requests().iter().all(|one| one.end > 0.0));
    }

    fn wait(&self, is_so: impl Fn(&Self) -> bool) {
        let start = Instant::now();
        while !is_so(self) {
            assert!(
                start.elapsed() < PATIENCE,
                "still not so: {:?}",
                self.requests()
            );
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    fn control(&self, path: &str, body: Option<&Value>) -> Value {
        self.emulator.unwrap().control(&self.account, path, body)
    }

    /// What reached the emulator since the last `forget_requests`, in order.
    pub fn requests(&self) -> Vec<Request> {
        let log = self.control("requests", None);
        let request = |entry: &Value| Request {
            operation: entry["operation"].as_str().unwrap().to_owned(),
            writes: entry["mutating"].as_bool().unwrap(),
            expected_owner: entry["expected_owner"].as_str().map(str::to_owned),
            start: entry["start"].as_f64().unwrap(),
            end: entry["end"].as_f64().unwrap_or_default(),
        };
        log.as_array().unwrap().iter().map(request).collect()
    }

    /// How many requests of this name reached the emulator.
    pub fn count(&self, operation: &str) -> usize {
        self.requests()
            .iter()
            .filter(|request| request.operation == operation)
            .count()
    }

    pub fn writes(&self) -> usize {
        self.requests()
            .iter()
            .filter(|request| request.writes)
            .count()
    }

    pub fn forget_requests(&self) {
        self.control("requests/clear", Some(&json!({})));
    }

    /// Makes each request take this much longer.
    pub fn latency(&self, milliseconds: u32) {
        self.control("latency", Some(&json!({ "ms": milliseconds })));
    }

    /// Makes states last: an instance is pending, a change of records is not yet in sync.
    pub fn lasting_states(&self, milliseconds: u32) {
        self.control("strict", Some(&json!({ "transition_ms": milliseconds })));
    }

    /// Makes calls fail, by one rule in the emulator's words; counting starts anew.
    pub fn fault(&self, rule: Value) {
        self.control("faults", Some(&json!({ "rules": [rule] })));
        self.forget_requests();
    }

    /// Makes calls fail by several rules, whose dice fall as the seed says.
    pub fn faults(&self, rules: &Value, seed: u64) {
        let body = json!({ "rules": rules, "seed": seed });
        self.control("faults", Some(&body));
        self.forget_requests();
    }

    /// How many calls the rules have hit.
    pub fn hits(&self) -> u64 {
        let rules = self.control("faults", None);
        let rules = rules.as_array().unwrap().iter();
        rules.map(|rule| rule["hits"].as_u64().unwrap()).sum()
    }

    /// Runs labctl until SIGKILL hits it at its first call of this name, before the call or after
    /// its effect.
    pub fn killed(&self, arguments: &[&str], operation: &str, after_effect: bool) {
        let pid = self.folder.join("pid");
        let _ = fs::remove_file(&pid);
        self.fault(json!({ "match": operation, "kill": pid, "after_effect": after_effect }));
        let mut command = self.command(arguments);
        std::os::unix::process::CommandExt::process_group(&mut command, 0);
        let child = command.spawn().unwrap();
        fs::write(&pid, child.id().to_string()).unwrap();
        let output = child.wait_with_output().unwrap();
        let signal = std::os::unix::process::ExitStatusExt::signal(&output.status);
        assert_eq!(signal, Some(9), "{operation} was never called: {output:?}");
        self.wait_until_idle();
        self.no_faults();
    }

    pub fn no_faults(&self) {
        self.control("faults", Some(&json!({ "rules": [] })));
    }

    pub fn port(&self) -> u16 {
        self.emulator.unwrap().port
    }

    /// Lets boto3 look whether the full lab is there, or nothing at all.
    pub fn check_from_outside(&self, arguments: &[&str]) {
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/emulator/check_lab.py");
        let mut command = Command::new(python());
        command
            .arg(script)
            .args(arguments)
            .args(["--bucket", &self.bucket()]);
        command.env_clear().envs(self.variables.iter().cloned());
        let output = command.output().unwrap();
        Ran::new(arguments, &output, Duration::ZERO).ok();
    }
}

/// The ready plans name the examples, which lie beside their own folder.
fn lay_out_examples(folder: &Path) {
    let examples = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples");
    match std::os::unix::fs::symlink(examples, folder.with_file_name("examples")) {
        Err(error) if error.kind() != std::io::ErrorKind::AlreadyExists => panic!("{error}"),
        _ => {}
    }
}

impl Drop for Lab {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            let _ = fs::remove_dir_all(&self.folder);
        }
    }
}
