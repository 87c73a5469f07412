//! The emulated AWS: one process for all tests, also for those that run in processes of their own.
//!
//! Who needs it locks a file for as long as it lives; the emulator ends itself some seconds after
//! the last lock is gone. Tests do not meet in it, because each has an account of its own.

use std::env;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::OnceLock;
use std::time::{Duration, Instant};

use serde_json::Value;

use super::http::{Asked, send};

const PATIENCE: Duration = Duration::from_secs(120);

/// The emulator, and the lock that keeps it.
pub struct Emulator {
    pub port: u16,
    _used: File,
}

/// Gives the emulator; the first who asks starts it.
pub fn emulator() -> &'static Emulator {
    static EMULATOR: OnceLock<Emulator> = OnceLock::new();
    EMULATOR.get_or_init(|| {
        let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("emulator");
        fs::create_dir_all(&folder).unwrap();
        let open = |name: &str| {
            File::options()
                .create(true)
                .append(true)
                .open(folder.join(name))
                .unwrap()
        };
        let starting = open("starting");
        starting.lock().unwrap();
        let used = open("used");
        used.lock_shared().unwrap();
        let port = running(&folder).unwrap_or_else(|| start(&folder));
        Emulator { port, _used: used }
    })
}

/// The port of an emulator that runs already.
fn running(folder: &Path) -> Option<u16> {
    let port = fs::read_to_string(folder.join("port"))
        .ok()?
        .trim()
        .parse()
        .ok()?;
    let health = Asked {
        method: "GET",
        path: "/labctl-test/health",
        headers: &[],
        body: "",
    };
    let (status, _) = send(port, &health).ok()?;
    (status == 200).then_some(port)
}

#[expect(
    clippy::zombie_processes,
    reason = "it outlives the test that starts it, and ends by itself"
)]
fn start(folder: &Path) -> u16 {
    let _ = fs::remove_file(folder.join("port"));
    let log = File::create(folder.join("log")).unwrap();
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/emulator/emulator.py");
    let mut command = Command::new(python());
    command.arg(script).arg("--shared").arg(folder);
    // Nothing of it stays with the test that happens to start it.
    std::os::unix::process::CommandExt::process_group(&mut command, 0);
    command
        .stdin(Stdio::null())
        .stdout(log.try_clone().unwrap())
        .stderr(log);
    let mut child = command.spawn().unwrap();
    let start = Instant::now();
    loop {
        if let Some(port) = running(folder) {
            return port;
        }
        let ended = child.try_wait().unwrap();
        assert!(
            ended.is_none() && start.elapsed() < PATIENCE,
            "the emulator does not start: {}",
            fs::read_to_string(folder.join("log")).unwrap()
        );
        std::thread::sleep(Duration::from_millis(50));
    }
}

/// The python that has what the emulator imports.
pub fn python() -> PathBuf {
    if let Some(python) = env::var_os("LABCTL_TEST_PYTHON") {
        return python.into();
    }
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("scripts/emulator-venv");
    let output = Command::new(script).output().unwrap();
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    String::from_utf8(output.stdout).unwrap().trim().into()
}

impl Emulator {
    /// Sends one command to the emulator itself, for one account.
    pub fn control(&self, account: &str, path: &str, body: Option<&Value>) -> Value {
        let asked = Asked {
            method: body.map_or("GET", |_| "POST"),
            path: &format!("/labctl-test/{path}?account={account}"),
            headers: &[],
            body: &body.map(Value::to_string).unwrap_or_default(),
        };
        let (status, answer) = send(self.port, &asked).unwrap();
        assert_eq!(status, 200, "{path}: {answer}");
        serde_json::from_str(&answer).unwrap()
    }
}
