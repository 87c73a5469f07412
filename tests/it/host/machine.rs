//! A real Debian with systemd and sshd in a container, and a lab of the
//! emulator whose server it is.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};

use serde_json::Value;

use super::counting_proxy::CountingProxy;
use crate::support::{Lab, Ran};

/// NGINX with the landing page behind a self-signed certificate, and two users: set up in seconds.
pub const SMALL: &str = "\
lab: small
region: us-east-1
instance:
  image: ubuntu-24.04
  instance_type: t3.medium
  key_pair: ~/.ssh/id_ed25519.pub
  root_volume: { size: 30 GiB, type: gp3 }
elastic_ip: true
security_group:
  ingress:
    - { port: 22, from: [my-ip] }
    - { port: 80, from: [anywhere] }
    - { port: 443, from: [anywhere] }
workbench:
  domain: lab.example.org
  https: { mode: self-signed }
  users:
    - { name: test-user, sudo: true, authorized_keys: [~/.ssh/id_ed25519.pub] }
    - { name: guest }
";
/// What makes of the small plan one with JupyterHub.
pub const HUB: &str =
    "  jupyterhub: { path: /jupyter, memory_limit: 700M, cpu_limit: 1.0, idle_timeout: 1h }\n";

/// A host that is removed at the end of its test.
pub struct Machine {
    pub name: String,
    pub ssh_port: u16,
    pub http_port: u16,
    pub https_port: u16,
    pub ip: String,
}

/// A lab whose server is a machine.
pub struct Bench {
    pub lab: Lab,
    pub machine: Machine,
}

fn script(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/host")
        .join(name)
}

/// Runs a program that has to succeed; gives what it prints.
#[track_caller]
pub fn done(command: &mut Command) -> String {
    let output = command.stdin(Stdio::null()).output().unwrap();
    assert!(
        output.status.success(),
        "{command:?}: {}{}",
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    );
    String::from_utf8_lossy(&output.stdout).into_owned()
}

impl Machine {
    /// Starts a fresh host that lets `ubuntu` in with a key.
    pub fn new(public_key: &Path) -> Self {
        static COUNT: AtomicUsize = AtomicUsize::new(0);
        let count = COUNT.fetch_add(1, Ordering::Relaxed);
        let name = format!("labctl-it-{}-{count}", std::process::id());
        let mut command = Command::new(script("container"));
        command.args(["up", &name]).arg(public_key);
        let facts: Value = serde_json::from_str(&done(&mut command)).unwrap();
        let port = |name: &str| u16::try_from(facts[name].as_u64().unwrap()).unwrap();
        Self {
            ssh_port: port("ssh_port"),
            http_port: port("http_port"),
            https_port: port("https_port"),
            ip: facts["ip"].as_str().unwrap().to_owned(),
            name,
        }
    }

    /// Runs a shell command on the host as root, past labctl; gives what it prints.
    #[track_caller]
    pub fn sh(&self, line: &str) -> String {
        done(Command::new("docker").args(["exec", &self.name, "sh", "-c", line]))
    }

    /// The same for a command that may fail.
    pub fn try_sh(&self, line: &str) -> Output {
        let mut command = Command::new("docker");
        command.args(["exec", &self.name, "sh", "-c", line]);
        command.stdin(Stdio::null()).output().unwrap()
    }

    /// Reboots the host, and waits until it answers again.
    pub fn reboot(&self) {
        done(Command::new(script("container")).args(["restart", &self.name]));
    }

    /// Says whether systemd calls a unit active.
    pub fn is_active(&self, unit: &str) -> bool {
        self.try_sh(&format!("systemctl is-active --quiet {unit}"))
            .status
            .success()
    }

    /// When a unit's main process began, to see whether it was restarted.
    pub fn started(&self, unit: &str) -> String {
        self.sh(&format!(
            "systemctl show -p ExecMainStartTimestampMonotonic --value {unit}"
        ))
    }
}

impl Drop for Machine {
    fn drop(&mut self) {
        if std::thread::panicking() && std::env::var_os("LABCTL_TEST_KEEP").is_some() {
            return;
        }
        let mut command = Command::new(script("container"));
        let _ = command.args(["down", &self.name]).output();
    }
}

impl Bench {
    /// A lab of this plan with its server in the emulator, and a fresh host that stands in for it.
    pub fn new(plan: &str) -> Self {
        let mut lab = Lab::new(plan);
        let home = lab.folder.join("home/.ssh");
        let key = home.join("id_ed25519");
        let _ = std::fs::remove_file(home.join("id_ed25519.pub"));
        done(
            Command::new("ssh-keygen")
                .args(["-q", "-t", "ed25519", "-N", "", "-f"])
                .arg(&key),
        );
        let machine = Machine::new(&home.join("id_ed25519.pub"));
        lab = lab.with(
            "LABCTL_CONNECT_TO",
            &format!("127.0.0.1:{}", machine.ssh_port),
        );
        lab.has_server = true;
        Self { lab, machine }
    }

    /// Runs labctl to its end.
    pub fn labctl(&self, arguments: &[&str]) -> Ran {
        self.lab.labctl(arguments)
    }

    /// Applies, and checks that nothing is left to do.
    pub fn apply(&self) -> Ran {
        let ran = self.labctl(&["apply", "--yes"]).ok();
        self.labctl(&["plan", "--detailed-exitcode"]).ok();
        ran
    }

    /// The host's part of `plan --json`.
    pub fn host_plan(&self) -> Value {
        self.labctl(&["plan", "--json"]).json()["host"].clone()
    }

    /// The paths that a plan would change on the host, with what is done to each.
    pub fn changes(&self) -> BTreeMap<String, String> {
        let host = self.host_plan();
        assert_eq!(host["reached"], true, "{host}");
        let changes = host["changes"].as_array().unwrap().iter();
        changes
            .map(|change| {
                let text = |name: &str| change[name].as_str().unwrap().to_owned();
                (text("path"), text("action"))
            })
            .collect()
    }

    /// Puts a proxy between labctl and the host, which counts and can cut.
    pub fn through_proxy(&mut self, latency: std::time::Duration) -> CountingProxy {
        let proxy = CountingProxy::start(self.machine.ssh_port, latency);
        self.lab
            .set("LABCTL_CONNECT_TO", &format!("127.0.0.1:{}", proxy.port));
        proxy
    }

    /// Asks as a browser on the laptop would, for a name that leads to the host.
    #[track_caller]
    pub fn curl(&self, arguments: &[&str]) -> String {
        let Machine {
            http_port,
            https_port,
            ..
        } = self.machine;
        let mut command = Command::new("curl");
        command.args(["--silent", "--show-error", "--max-time", "30"]);
        for (port, published) in [(80, http_port), (443, https_port)] {
            command.args(["--connect-to", &format!(":{port}:127.0.0.1:{published}")]);
        }
        done(command.args(arguments))
    }
}
