//! A lab in a sandbox of its own, as a user has it who has nothing but the program.

use std::path::Path;
use std::process::Command;
use std::sync::OnceLock;

use serde_json::Value;

use crate::host::machine::{done, make_key};
use crate::support::{Lab, Ran, python};

/// A lab whose every command goes to its sandbox; nothing of that is left when it is dropped.
pub struct Rehearsal {
    pub lab: Lab,
}

/// The image of a Debian server that has in its caches what labctl installs, so that tests need not wait for networks.
pub fn image() -> &'static str {
    static IMAGE: OnceLock<String> = OnceLock::new();
    IMAGE.get_or_init(|| {
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/host/image");
        done(&mut Command::new(script)).trim().to_owned()
    })
}

fn lab(plan: &str) -> Lab {
    let cache = Path::new(env!("CARGO_TARGET_TMPDIR")).join("sandbox-cache");
    let mut lab = Lab::offline()
        .without("LABCTL_MY_IP")
        .with("LABCTL_SANDBOX", "1")
        .with("LABCTL_SANDBOX_PYTHON", &python().display().to_string())
        .with("XDG_CACHE_HOME", &cache.display().to_string())
        .with(
            "PATH",
            "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
        );
    lab.has_server = true;
    lab.write("lab.yaml", plan);
    let key = lab.folder.join("home/.ssh/id_ed25519");
    let _ = std::fs::remove_file(key.with_extension("pub"));
    make_key(&key);
    lab
}

impl Rehearsal {
    /// A lab of this plan.
    pub fn new(plan: &str) -> Self {
        Self::on(plan, image())
    }

    /// The same with servers that are made of another image.
    pub fn on(plan: &str, image: &str) -> Self {
        Self {
            lab: lab(plan).with("LABCTL_SANDBOX_IMAGE", image),
        }
    }

    /// The same on a machine that has no container engine.
    pub fn without_engine(plan: &str) -> Self {
        Self {
            lab: lab(plan).with("LABCTL_SANDBOX_ENGINE", "none"),
        }
    }

    /// Runs labctl to its end.
    pub fn labctl(&self, arguments: &[&str]) -> Ran {
        self.lab.labctl(arguments)
    }

    /// What `sandbox status` says of this sandbox.
    pub fn status(&self) -> Value {
        let document = self.labctl(&["sandbox", "status", "--json"]).ok().json();
        document["sandboxes"][0].clone()
    }

    /// The only server.
    pub fn server(&self) -> Value {
        let machines = self.status()["status"]["machines"].clone();
        let alive = machines.as_array().unwrap().iter();
        let mut alive = alive.filter(|machine| machine["state"] != "terminated");
        let server = alive.next().cloned();
        assert!(alive.next().is_none(), "{machines:#}");
        server.unwrap()
    }

    /// The name of its container.
    pub fn container(&self) -> String {
        self.server()["container"].as_str().unwrap().to_owned()
    }

    /// Runs a line of a shell with what `labctl sandbox env` prints, as somebody would who has AWS's own tools.
    pub fn outside(&self, line: &str) -> String {
        let settings = self.labctl(&["sandbox", "env"]).ok().stdout;
        let mut shell = Command::new("sh");
        shell.arg("-euc").arg(format!("{settings}{line}"));
        done(shell.env_clear().env("PATH", "/usr/bin:/bin"))
    }

    /// The ways that are printed for looking at the lab: as they are, run by a shell.
    pub fn look(&self, options: &str) -> String {
        let ran = self.labctl(&["status"]).ok();
        let curl = ran
            .stdout
            .lines()
            .map(str::trim)
            .find(|line| line.starts_with("curl "));
        let curl = curl.unwrap_or_else(|| panic!("no way is shown\n{ran}"));
        let line = curl.replacen("curl ", &format!("curl -sS -m 30 {options} "), 1);
        done(Command::new("sh").args(["-euc", &line]))
    }

    /// Everything that Docker has of sandboxes whose files lie in this lab's home.
    pub fn in_docker(&self) -> String {
        let label = format!("label=labctl.sandbox={}", self.name());
        let ask = |words: &[&str]| {
            done(
                Command::new("docker")
                    .args(words)
                    .args(["--filter", &label]),
            )
        };
        [
            ask(&["ps", "--all", "--quiet"]),
            ask(&["network", "ls", "--quiet"]),
        ]
        .concat()
    }

    /// Where the sandbox's files lie.
    pub fn folder(&self) -> String {
        let lab = self.lab.read("lab.yaml");
        let lab = lab
            .lines()
            .find_map(|line| line.strip_prefix("lab: "))
            .unwrap();
        let lab = lab.split_whitespace().next().unwrap();
        let state = self.lab.folder.join("home/.local/state/labctl/sandbox");
        state.join(lab).display().to_string()
    }

    /// The name by which Docker knows it: the lab's, with a mark of the folder.
    pub fn name(&self) -> String {
        let folder = self.folder();
        let lab = folder.rsplit('/').next().unwrap();
        format!("{lab}-{}", &labctl::support::digest::sha256(&folder)[..6])
    }

    /// The process ids of this sandbox: its own, and pebble's.
    pub fn processes(&self) -> Vec<String> {
        let folder = self.folder();
        let mut found = Vec::new();
        for entry in std::fs::read_dir("/proc").unwrap() {
            let entry = entry.unwrap();
            let command = std::fs::read(entry.path().join("cmdline")).unwrap_or_default();
            let command = String::from_utf8_lossy(&command).replace('\0', " ");
            let is_labctl = command.contains(concat!(env!("CARGO_BIN_EXE_labctl"), " "));
            if command.contains(&folder) && !is_labctl {
                found.push(entry.file_name().into_string().unwrap());
            }
        }
        found
    }

    /// Neither a process nor a container nor a network is left.
    #[track_caller]
    pub fn is_down(&self) {
        assert_eq!(self.in_docker(), "");
        assert_eq!(self.processes(), Vec::<String>::new());
    }
}

impl Drop for Rehearsal {
    fn drop(&mut self) {
        if std::thread::panicking() && std::env::var_os("LABCTL_TEST_KEEP").is_some() {
            return;
        }
        let _ = self.lab.command(&["sandbox", "reset"]).output();
    }
}
