//! A real Debian with systemd and sshd in a container, and a lab of the
//! emulator whose server it is.

use std::collections::BTreeMap;
use std::ops::Deref;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::sync::atomic::{AtomicU32, AtomicUsize, Ordering};

use serde_json::Value;

use crate::support::{Lab, Ran};

use super::applied;
use super::counting_proxy::CountingProxy;

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

/// What makes of the small plan one with R.
pub const R: &str = "  r: { version: system }\n";

/// The container of a server, reached past labctl.
pub struct Server {
    pub name: String,
    /// Its first process, which is another one after a reboot.
    pid: AtomicU32,
}

/// A host that is removed at the end of its test.
pub struct Machine {
    server: Server,
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

/// A program of the test hosts.
pub fn script(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/host")
        .join(name)
}

/// Makes a key without a passphrase, and its public half.
pub fn make_key(key: &Path) {
    let mut keygen = Command::new("ssh-keygen");
    done(
        keygen
            .args(["-q", "-t", "ed25519", "-N", "", "-f"])
            .arg(key),
    );
}

fn pid_of(facts: &Value) -> u32 {
    u32::try_from(facts["pid"].as_u64().unwrap()).unwrap()
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

impl Server {
    /// A container that somebody else started, and removes.
    pub fn of_container(name: &str) -> Self {
        let mut inspect = Command::new("docker");
        let pid = done(inspect.args(["inspect", "--format", "{{.State.Pid}}", name]));
        Self {
            name: name.to_owned(),
            pid: AtomicU32::new(pid.trim().parse().unwrap()),
        }
    }

    /// A command that will run on the host as root, past labctl; `docker exec` would take twenty times as long.
    pub fn command(&self, program: &str) -> Command {
        let mut command = Command::new("nsenter");
        let pid = self.pid.load(Ordering::Relaxed).to_string();
        command.args(["--target", &pid, "--all", "--", program]);
        command.env_clear().env("HOME", "/root").env(
            "PATH",
            "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
        );
        command
    }

    /// Runs a shell command on the host as root, past labctl; gives what it prints.
    #[track_caller]
    pub fn sh(&self, line: &str) -> String {
        done(self.command("sh").args(["-c", line]))
    }

    /// The same for a command that may fail.
    pub fn try_sh(&self, line: &str) -> Output {
        let mut command = self.command("sh");
        command.args(["-c", line]);
        command.stdin(Stdio::null()).output().unwrap()
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

impl Machine {
    /// Starts a host that lets `ubuntu` in with a key: an empty one, or one with this disk.
    pub fn new(public_key: &Path, image: Option<&str>) -> Self {
        static COUNT: AtomicUsize = AtomicUsize::new(0);
        let count = COUNT.fetch_add(1, Ordering::Relaxed);
        let name = format!("labctl-it-{}-{count}", std::process::id());
        let mut command = Command::new(script("container"));
        command.args(["up", &name]).arg(public_key);
        command.envs(image.map(|image| ("LABCTL_TEST_IMAGE", image)));
        let facts: Value = serde_json::from_str(&done(&mut command)).unwrap();
        let port = |name: &str| u16::try_from(facts[name].as_u64().unwrap()).unwrap();
        Self {
            server: Server {
                name,
                pid: AtomicU32::new(pid_of(&facts)),
            },
            ssh_port: port("ssh_port"),
            http_port: port("http_port"),
            https_port: port("https_port"),
            ip: facts["ip"].as_str().unwrap().to_owned(),
        }
    }

    /// Reboots the host, and waits until it answers again.
    pub fn reboot(&self) {
        let mut command = Command::new(script("container"));
        let facts = done(command.args(["restart", &self.name]));
        let facts = serde_json::from_str(&facts).unwrap();
        self.pid.store(pid_of(&facts), Ordering::Relaxed);
    }
}

impl Deref for Machine {
    type Target = Server;

    fn deref(&self) -> &Server {
        &self.server
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
        let lab = Lab::new(plan);
        let key = lab.folder.join("home/.ssh/id_ed25519");
        let _ = std::fs::remove_file(key.with_extension("pub"));
        make_key(&key);
        Self::on_machine(lab, None)
    }

    /// The same with a key that is there already, and a disk that is not empty.
    pub fn with_key(plan: &str, key: &Path, image: Option<&str>) -> Self {
        let lab = Lab::new(plan);
        let own = lab.folder.join("home/.ssh/id_ed25519");
        std::fs::copy(key, &own).unwrap();
        std::fs::copy(key.with_extension("pub"), own.with_extension("pub")).unwrap();
        Self::on_machine(lab, image)
    }

    /// A lab in which nothing is left to do: this plan has been applied to its server, and to its account.
    pub fn applied(plan: &str) -> Self {
        let bench = Self::with_key(plan, &applied::key(), Some(&applied::image(plan)));
        bench.labctl(&["apply", "--yes", "--only", "cloud"]).ok();
        bench
    }

    fn on_machine(lab: Lab, image: Option<&str>) -> Self {
        let public_key = lab.folder.join("home/.ssh/id_ed25519.pub");
        let machine = Machine::new(&public_key, image);
        let place = format!("127.0.0.1:{}", machine.ssh_port);
        let mut lab = lab.with("LABCTL_CONNECT_TO", &place);
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

    /// Sends a form with so many bytes behind it, with more of curl's options; gives the status of the answer.
    #[track_caller]
    pub fn post(&self, url: &str, form: &str, bytes: usize, more: &[&str]) -> String {
        self.lab
            .write("body", &format!("{form}{}", "x".repeat(bytes)));
        let body = format!("@{}", self.lab.folder.join("body").display());
        let answer = ["--insecure", "--output", "/dev/null", "--write-out"];
        let what = ["%{http_code}", "--data-binary", &body, url];
        self.curl(&[&answer[..], &what, more].concat())
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
