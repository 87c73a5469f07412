//! A certificate authority on this machine: pebble, with a DNS server of its own (both are in Debian's package).

use std::fs::{self, File};
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::json;

use super::machine::{Machine, done};
use super::sshd::Folder;

const PATIENCE: Duration = Duration::from_secs(30);

/// A running authority; every name that it looks up leads to one host.
pub struct Authority {
    /// What `directory` in the plan is to be.
    pub directory: String,
    folder: Folder,
    children: Vec<Child>,
}

fn free_port(address: &str) -> u16 {
    let listener = TcpListener::bind((address, 0)).unwrap();
    listener.local_addr().unwrap().port()
}

impl Authority {
    /// Starts one for the names of a host, and lets the host trust it.
    pub fn start(machine: &Machine) -> Self {
        let (dns, management) = (free_port("127.0.0.1"), free_port("127.0.0.1"));
        let dns = format!("127.0.0.1:{dns}");
        let mut names = Command::new("pebble-challtestsrv");
        // Without the second, names would lead to ::1 too.
        names.args(["-defaultIPv4", &machine.ip, "-defaultIPv6", ""]);
        names.args(["-dns01", &dns, "-http01", "", "-https01", ""]);
        names.args(["-tlsalpn01", "", "-management"]);
        names.arg(format!("127.0.0.1:{management}"));
        Self::asking(machine, &dns, Some(names))
    }

    /// Starts one that asks a name server which is there, and lets the host trust it.
    pub fn start_with(machine: &Machine, name_server: &str) -> Self {
        Self::asking(machine, name_server, None)
    }

    fn asking(machine: &Machine, dns: &str, names: Option<Command>) -> Self {
        if !Path::new("/usr/bin/pebble").exists() {
            let install = Path::new(env!("CARGO_MANIFEST_DIR")).join("scripts/install");
            done(Command::new(install).arg("pebble"));
        }
        let folder = Folder::new();
        let gateway = done(Command::new("docker").args([
            "inspect",
            "--format",
            "{{.NetworkSettings.Gateway}}",
            &machine.name,
        ]));
        let gateway = gateway.trim();
        make_certificate(&folder, gateway);
        let (port, management) = (free_port(gateway), free_port("127.0.0.1"));
        let settings = json!({ "pebble": {
            "listenAddress": format!("{gateway}:{port}"),
            "managementListenAddress": format!("127.0.0.1:{management}"),
            "certificate": folder.at("pebble.pem"),
            "privateKey": folder.at("pebble.key"),
            "httpPort": 80,
            "tlsPort": 443,
            "ocspResponderURL": "",
            "externalAccountBindingRequired": false,
        }});
        fs::write(folder.at("pebble.json"), settings.to_string()).unwrap();
        let mut authority = Self {
            directory: format!("https://{gateway}:{port}/dir"),
            children: Vec::new(),
            folder,
        };
        authority.run(dns, names);
        trust(machine, &authority.folder.at("ca.pem"));
        authority.wait();
        let roots = format!("https://127.0.0.1:{management}/roots/0");
        let roots = done(Command::new("curl").args(["--silent", "--insecure", &roots]));
        fs::write(authority.root(), roots).unwrap();
        authority
    }

    /// The file with the root of the certificates that it issues, which is new at every start.
    pub fn root(&self) -> PathBuf {
        self.folder.at("root.pem")
    }

    fn run(&mut self, dns: &str, names: Option<Command>) {
        let mut pebble = Command::new("pebble");
        pebble.arg("-config").arg(self.folder.at("pebble.json"));
        pebble.args(["-dnsserver", dns]);
        pebble.envs([("PEBBLE_VA_NOSLEEP", "1"), ("PEBBLE_WFE_NONCEREJECT", "0")]);
        let log = File::create(self.folder.at("log")).unwrap();
        for mut command in names.into_iter().chain([pebble]) {
            let (one, other) = (log.try_clone().unwrap(), log.try_clone().unwrap());
            let child = command.stdin(Stdio::null()).stdout(one).stderr(other);
            self.children.push(child.spawn().unwrap());
        }
    }

    fn wait(&self) {
        let start = Instant::now();
        let mut curl = Command::new("curl");
        curl.args(["--silent", "--output", "/dev/null", "--cacert"]);
        curl.arg(self.folder.at("ca.pem")).arg(&self.directory);
        while !curl.status().unwrap().success() {
            assert!(
                start.elapsed() < PATIENCE,
                "pebble does not answer: {}",
                fs::read_to_string(self.folder.at("log")).unwrap()
            );
            std::thread::sleep(Duration::from_millis(50));
        }
    }
}

impl Drop for Authority {
    fn drop(&mut self) {
        for child in &mut self.children {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

/// Makes the certificate with which pebble itself speaks HTTPS, and who vouches for it.
fn make_certificate(folder: &Folder, gateway: &str) {
    let openssl = |words: &str| {
        let mut command = Command::new("openssl");
        done(command.current_dir(folder.at("")).args(words.split(' ')));
    };
    let new_key = "-newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes";
    openssl(&format!(
        "req -x509 {new_key} -days 30 -subj /CN=labctl-test -keyout ca.key -out ca.pem"
    ));
    openssl(&format!(
        "req {new_key} -subj /CN=pebble -keyout pebble.key -out pebble.csr"
    ));
    let names = format!("subjectAltName=DNS:localhost,IP:127.0.0.1,IP:{gateway}\n");
    fs::write(folder.at("names"), names).unwrap();
    openssl(
        "x509 -req -in pebble.csr -CA ca.pem -CAkey ca.key -CAcreateserial -days 30 -extfile names -out pebble.pem",
    );
}

fn trust(machine: &Machine, authority: &Path) {
    let place = "/usr/local/share/ca-certificates/labctl-test-authority.crt";
    let mut copy = Command::new("docker");
    copy.arg("cp")
        .arg(authority)
        .arg(format!("{}:{place}", machine.name));
    done(&mut copy);
    machine.sh("update-ca-certificates");
}
