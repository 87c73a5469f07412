//! The whole lab: from an empty host to people who work in JupyterHub, through changes, a reboot, and departures.

use std::io::Write;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::authority::Authority;
use super::certificate::{is_issued_by, lead_name_to, with_authority};
use super::machine::{Bench, HUB, SMALL};
use crate::support::{at_terminal, between, is_exhaustive, python};

const LOGIN: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/host/login.py");
const PATIENCE: Duration = Duration::from_secs(120);
const UPLOAD: usize = 1_500_000;
const GUEST: (&str, &str) = ("guest", "as-good-as-any-other");
/// A cell that asks for the metadata; a refusal is its value.
const ASK_METADATA: &str = "__import__('subprocess').run(\
    ['curl', '-sf', '-m', '5', 'http://169.254.169.254/']).returncode";
/// curl's code for a connection that was refused.
const REFUSED: &str = "7";
/// All units that an apply of this plan may restart, but for the Hub.
const OTHERS: [&str; 7] = [
    "jupyterhub-proxy.service",
    "labctl-isolation.service",
    "labctl-metadata.service",
    "nginx.service",
    "ssh.service",
    "systemd-journald.service",
    SERVER,
];
const SERVER: &str = "jupyter-test-user-singleuser.service";

/// A lab with people in it.
struct Journey {
    bench: Bench,
    authority: Authority,
    /// The password that labctl made up for `test-user`.
    password: String,
}

#[test]
#[expect(
    clippy::print_stdout,
    reason = "told when the test fails or takes too long"
)]
fn the_whole_lab_from_an_empty_host() {
    let mut journey = Journey::begin();
    let start = Instant::now();
    let stage = |name: &str| println!("{:6.1} s  {name}", start.elapsed().as_secs_f64());
    stage("set-up");
    journey.is_set_up();
    stage("passwords");
    journey.gets_passwords();
    stage("sign-in");
    journey.lets_in_only_whom_it_knows();
    stage("work");
    let kernel = journey.works_for_test_user();
    stage("metadata");
    journey.keeps_metadata_to_root();
    stage("one setting");
    journey.changes_one_setting(&kernel);
    stage("reboot");
    journey.survives_a_reboot();
    stage("guest goes");
    journey.lets_guest_go();
    stage("JupyterHub goes");
    journey.loses_jupyterhub();
    if is_exhaustive() {
        stage("JupyterHub comes back");
        journey.gets_jupyterhub_back();
    }
    stage("end");
}

impl Journey {
    fn begin() -> Self {
        let bench = Bench::new(&format!("{SMALL}{HUB}"));
        let (authority, address) = with_authority(&bench);
        lead_name_to(&bench, &address);
        let journey = Self {
            bench,
            authority,
            password: String::new(),
        };
        journey.offer_metadata();
        journey
    }

    /// Serves instance metadata as on EC2: at their address, from outside of the host's own network.
    fn offer_metadata(&self) {
        self.bench.machine.sh(
            "set -e; mkdir -p /srv/fake/latest/meta-data; ip netns add fake
             ip link add to-fake type veth peer name eth0 netns fake
             ip address add 169.254.0.1/16 dev to-fake; ip link set to-fake up
             ip -n fake address add 169.254.169.254/16 dev eth0; ip -n fake link set eth0 up
             systemd-run --quiet --unit fake-metadata ip netns exec fake \
                 python3 -m http.server 80 --bind 169.254.169.254 --directory /srv/fake
             for try in $(seq 100); do
                 curl -sf -m 1 -o /dev/null http://169.254.169.254/ && exit; sleep 0.1
             done; exit 1",
        );
    }

    fn is_set_up(&self) {
        let ran = self.bench.labctl(&["apply", "--yes", "--json"]).ok();
        let events: Vec<Value> = ran
            .stdout
            .lines()
            .map(|line| serde_json::from_str(line).unwrap())
            .collect();
        let gates: Vec<_> = events
            .iter()
            .filter(|event| event["host"]["type"] == "gate")
            .collect();
        for gate in [
            "nginx.service runs",
            "jupyterhub-proxy.service runs",
            "jupyterhub.service runs",
            "NGINX's configuration is live",
            "HTTP leads to HTTPS",
            "certificate of lab.example.org",
            "landing page",
            "instance metadata is closed",
            "services listen on this host only",
            "JupyterHub's API",
            "hub login page",
            "notebook of test-user",
        ] {
            let one = gates.iter().find(|event| event["host"]["gate"] == gate);
            assert!(one.is_some(), "no gate `{gate}`\n{ran}");
        }
        assert!(gates.iter().all(|gate| gate["host"]["ok"] == true), "{ran}");
        let last = events.last().unwrap();
        assert_eq!(last["event"], "done");
        assert_eq!(last["host"]["ok"], true, "{ran}");
        let is_warning = |event: &Value| event["host"]["type"] == "warning";
        assert!(!events.iter().any(is_warning), "{ran}");
        is_issued_by(&self.bench, &self.authority);
        self.is_as_planned();
        let again = self.bench.labctl(&["apply", "--yes"]).ok();
        again.says(&["the server was as the plan says"]);
    }

    /// Nothing is left to do.
    #[track_caller]
    fn is_as_planned(&self) {
        self.bench.labctl(&["plan", "--detailed-exitcode"]).ok();
    }

    fn gets_passwords(&mut self) {
        let (code, screen) = at_terminal(&self.bench.lab, "passwd test-user --generate", "");
        assert_eq!(code, 0, "{screen}");
        let made = between(&screen, "password of `test-user` is: ", "\r\n");
        self.password = made.to_owned();
        assert!(self.password.len() >= 16, "{screen}");
        let (guest, password) = GUEST;
        self.bench
            .machine
            .sh(&format!("echo {guest}:{password} | chpasswd"));
        // A password is not a difference.
        self.is_as_planned();
    }

    /// Signs in through NGINX as a browser would, and does what `more` says.
    #[track_caller]
    fn sign_in(&self, (user, password): (&str, &str), more: &[&str]) -> Value {
        let mut command = Command::new(python());
        command.arg(LOGIN).args(["--name", "lab.example.org"]);
        command.arg("--at");
        command.arg(format!("127.0.0.1:{}", self.bench.machine.https_port));
        command.arg("--authority").arg(self.authority.root());
        command.args(["--user", user]).args(more);
        let streams = command.stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = streams.stderr(Stdio::piped()).spawn().unwrap();
        let mut stdin = child.stdin.take().unwrap();
        stdin.write_all(password.as_bytes()).unwrap();
        drop(stdin);
        let output = child.wait_with_output().unwrap();
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{user}: {said}");
        serde_json::from_slice(&output.stdout).unwrap()
    }

    fn test_user(&self) -> (&str, &str) {
        ("test-user", &self.password)
    }

    fn lets_in_only_whom_it_knows(&self) {
        let refused = json!({ "signed_in": false });
        assert_eq!(self.sign_in(("test-user", "wrong"), &[]), refused);
        assert_eq!(self.sign_in(("nobody-known", "wrong"), &[]), refused);
        // A user of the system who is not of the plan, with a right password.
        let machine = &self.bench.machine;
        machine.sh("useradd -m stranger; echo stranger:long-enough-for-anybody | chpasswd");
        let stranger = ("stranger", "long-enough-for-anybody");
        assert_eq!(self.sign_in(stranger, &[]), refused);
        let known = self.sign_in(self.test_user(), &[]);
        assert_eq!(known, json!({ "signed_in": true }));
    }

    /// A notebook and an upload; gives the kernel.
    fn works_for_test_user(&self) -> String {
        let upload = format!("data.txt={UPLOAD}");
        let more = ["--code", "answer = 6 * 7; answer", "--upload", &upload];
        let done = self.sign_in(self.test_user(), &more);
        assert_eq!(done["value"], "42", "{done}");
        assert_eq!(done["uploaded"], UPLOAD, "{done}");
        let file = "/home/test-user/data.txt";
        let machine = &self.bench.machine;
        let file = machine.sh(&format!("stat -c '%s %U' {file}"));
        assert_eq!(file, format!("{UPLOAD} test-user\n"));
        assert!(machine.is_active(SERVER));
        // The plan's limits, as systemd holds them.
        let limit = machine.sh(&format!("systemctl show -p MemoryMax --value {SERVER}"));
        assert_eq!(limit, format!("{}\n", 700 << 20));
        done["kernel"].as_str().unwrap().to_owned()
    }

    /// Root may read the metadata, and so the role's credentials; nobody else may, with sudo or without, whichever way
    /// they come.
    fn keeps_metadata_to_root(&self) {
        let ask = "curl -sf -o /dev/null -m 5 http://169.254.169.254/latest/meta-data/; echo $?";
        let machine = &self.bench.machine;
        assert_eq!(machine.sh(ask), "0\n");
        for user in ["test-user", "guest"] {
            let answer = machine.sh(&format!("runuser -u {user} -- sh -c '{ask}'"));
            assert_eq!(answer, format!("{REFUSED}\n"), "{user}");
        }
        for user in [self.test_user(), GUEST] {
            let done = self.sign_in(user, &["--code", ASK_METADATA]);
            assert_eq!(done["value"], REFUSED, "{user:?}");
        }
    }

    fn changes_one_setting(&self, kernel: &str) {
        let (bench, machine) = (&self.bench, &self.bench.machine);
        bench.lab.edit("memory_limit: 700M", "memory_limit: 800M");
        let changes: Vec<_> = bench.changes().into_keys().collect();
        assert_eq!(
            changes,
            [
                "/etc/jupyterhub/jupyterhub_config.py",
                "unit.jupyterhub.service"
            ]
        );
        let starts = || OTHERS.map(|unit| (unit, machine.started(unit)));
        let (others, hub) = (starts(), machine.started("jupyterhub.service"));
        bench.apply();
        assert_eq!(others, starts());
        assert_ne!(hub, machine.started("jupyterhub.service"));
        // The same kernel still knows what it has computed.
        let more = ["--kernel", kernel, "--code", "answer"];
        let done = self.sign_in(self.test_user(), &more);
        assert_eq!(done["value"], "42", "{done}");
    }

    fn survives_a_reboot(&self) {
        self.bench.machine.reboot();
        self.wait_for_hub();
        for unit in OTHERS.iter().filter(|unit| **unit != SERVER) {
            assert!(self.bench.machine.is_active(unit), "{unit}");
        }
        for timer in ["certbot.timer", "labctl-certificate.timer"] {
            assert!(self.bench.machine.is_active(timer), "{timer}");
        }
        self.is_as_planned();
        is_issued_by(&self.bench, &self.authority);
        let done = self.sign_in(self.test_user(), &["--code", "6 * 7"]);
        assert_eq!(done["value"], "42", "{done}");
        self.offer_metadata();
        self.keeps_metadata_to_root();
    }

    fn wait_for_hub(&self) {
        let start = Instant::now();
        let ask = "curl -sk -o /dev/null -w '%{http_code}' \
                   -H 'Host: lab.example.org' https://127.0.0.1/jupyter/hub/login";
        let answer = || self.bench.machine.try_sh(ask).stdout;
        while answer() != b"200" {
            assert!(start.elapsed() < PATIENCE, "no JupyterHub after the boot");
            std::thread::sleep(Duration::from_millis(200));
        }
    }

    fn lets_guest_go(&self) {
        let (bench, machine) = (&self.bench, &self.bench.machine);
        let server = "jupyter-guest-singleuser.service";
        assert!(machine.is_active(server));
        machine.sh("runuser -u guest -- sh -c 'echo mine >~/kept'");
        bench.lab.edit("    - { name: guest }\n", "");
        assert_eq!(bench.changes()["user.guest"], "delete");
        bench.apply();
        assert!(!machine.is_active(server));
        assert_eq!(machine.sh("cat /home/guest/kept"), "mine\n");
        let state = machine.sh("passwd -S guest");
        assert!(state.starts_with("guest L "), "{state}");
        let shell = machine.try_sh("su - guest -c true");
        assert!(!shell.status.success(), "{shell:?}");
        let refused = json!({ "signed_in": false });
        assert_eq!(self.sign_in(GUEST, &[]), refused);
        let known = self.sign_in(self.test_user(), &[]);
        assert_eq!(known, json!({ "signed_in": true }));
    }

    fn loses_jupyterhub(&self) {
        let (bench, machine) = (&self.bench, &self.bench.machine);
        bench.lab.edit("memory_limit: 800M", "memory_limit: 700M");
        bench.lab.edit(HUB, "");
        bench.apply();
        let gone = machine.sh("ls -d /etc/jupyterhub/* /etc/systemd/system/jupyterhub* \
             /etc/systemd/system/*.wants/jupyterhub* /opt/jupyterhub* /opt/labctl/* \
             2>/dev/null || true");
        assert_eq!(gone, "");
        let units = machine.sh("systemctl list-units --all --plain --no-legend 'jupyter*'");
        assert_eq!(units, "", "neither the Hub nor a user's server");
        let ports = machine.sh("ss -Hltn '( sport = 480 or sport = 481 or sport = 482 )'");
        assert_eq!(ports, "");
        // What people have made is not labctl's to remove.
        machine.sh("test -s /var/lib/jupyterhub/jupyterhub.sqlite");
        machine.sh("test -s /home/test-user/data.txt && test -s /home/guest/kept");
        let page = bench.curl(&["--insecure", "https://lab.example.org/"]);
        assert!(page.contains("</html>"), "{page}");
        let code = ["--insecure", "--output", "/dev/null", "--write-out"];
        let code = [
            &code[..],
            &["%{http_code}", "https://lab.example.org/jupyter/"],
        ]
        .concat();
        assert_eq!(bench.curl(&code), "404");
    }

    fn gets_jupyterhub_back(&self) {
        let users = "  users:\n";
        self.bench.lab.edit(users, &format!("{HUB}{users}"));
        self.bench.apply();
        let more = ["--code", "len(open('data.txt').read())"];
        let done = self.sign_in(self.test_user(), &more);
        assert_eq!(done["value"], UPLOAD.to_string(), "{done}");
    }
}
