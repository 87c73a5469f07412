//! The way to the server is blocked: no key, no answer, no rights, or noise.

use std::fs;
use std::io::{BufRead, BufReader};
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt;
use std::process::{Child, Command, Stdio};
use std::thread;

use super::super::machine::{Bench, SMALL};
use super::{refused_untouched, remarked, ssh_keygen};
use crate::support::Lab;

#[test]
fn keys_with_which_nobody_can_log_in() {
    let bench = Bench::new(SMALL);
    let key = bench.lab.folder.join("home/.ssh/id_ed25519");
    let away = key.with_extension("away");

    // Before there is a server: all the more before it is made.
    fs::rename(&key, &away).unwrap();
    let missing = ["no private key", "id_ed25519", "ssh-add", "--only cloud"];
    refused_untouched(&bench, &missing);
    fs::rename(&away, &key).unwrap();
    bench.labctl(&["apply", "--yes", "--only", "cloud"]).ok();

    fs::rename(&key, &away).unwrap();
    remarked(&bench.lab, &["no private key", "ssh-add"]);
    refused_untouched(&bench, &["no private key", "id_ed25519", "ssh-add"]);
    fs::rename(&away, &key).unwrap();

    fs::set_permissions(&key, fs::Permissions::from_mode(0o644)).unwrap();
    remarked(&bench.lab, &["0644"]);
    refused_untouched(&bench, &["0644", "chmod 600"]);
    fs::set_permissions(&key, fs::Permissions::from_mode(0o600)).unwrap();

    let path = key.to_str().unwrap();
    ssh_keygen(&["-q", "-p", "-P", "", "-N", "hush-hush", "-f", path]);
    remarked(&bench.lab, &["passphrase"]);
    refused_untouched(&bench, &["needs its passphrase", "ssh-add"]);
    ssh_keygen(&["-q", "-p", "-P", "hush-hush", "-N", "", "-f", path]);
    assert_eq!(bench.host_plan()["reached"], true);

    let keys = "/home/ubuntu/.ssh/authorized_keys";
    bench.machine.sh(&format!("sed -i 's/AAAA/BBBB/' {keys}"));
    remarked(&bench.lab, &["does not let `ubuntu` in", "key_pair"]);
    refused_untouched(&bench, &["does not let `ubuntu` in", "key_pair"]);
}

/// A port that answers to nobody, as behind a firewall: as many as it takes wait there already.
struct FullPort {
    port: u16,
    child: Child,
}

impl FullPort {
    fn new() -> Self {
        let program = "import socket, time; server = socket.socket(); server.bind(('127.0.0.1', 0)); \
             server.listen(0); clients = [socket.socket() for _ in range(4)]; \
             [one.setblocking(False) or one.connect_ex(server.getsockname()) for one in clients]; \
             print(server.getsockname()[1], flush=True); time.sleep(600)";
        let mut command = Command::new("python3");
        let mut child = command
            .args(["-c", program])
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap())
            .read_line(&mut line)
            .unwrap();
        let port = line.trim().parse().unwrap();
        Self { port, child }
    }
}

impl Drop for FullPort {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[test]
fn a_server_that_cannot_be_reached() {
    // They lose their time in waiting, so they do it at once.
    let full = FullPort::new();
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let closed = TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap();
    let places = [
        (closed.to_string(), "connection refused", "labctl status"),
        (
            silent.local_addr().unwrap().to_string(),
            "does not answer",
            "labctl status",
        ),
        (format!("127.0.0.1:{}", full.port), "no answer", "`my-ip`"),
    ];
    let tried = places.map(|(place, cause, help)| {
        thread::spawn(move || {
            let mut lab = Lab::new(SMALL).with("LABCTL_CONNECT_TO", &place);
            lab.has_server = true;
            let key = lab.folder.join("home/.ssh/id_ed25519");
            fs::remove_file(lab.folder.join("home/.ssh/id_ed25519.pub")).unwrap();
            ssh_keygen(&["-q", "-t", "ed25519", "-N", "", "-f", key.to_str().unwrap()]);
            lab.labctl(&["apply", "--yes", "--only", "cloud"]).ok();
            remarked(&lab, &[cause, help]);
            lab.forget_requests();
            let ran = lab.labctl(&["apply", "--only", "host"]);
            let ran = ran.refuses(&["cannot reach", cause, help]);
            assert!(!ran.stderr.contains("nobody is there"), "{ran}");
            assert_eq!(lab.writes(), 0);
        })
    });
    for one in tried {
        one.join().unwrap();
    }
}

#[test]
fn places_that_are_none() {
    let lab = Lab::offline();
    lab.write("lab.yaml", SMALL);
    for place in [
        "",
        "-oProxyCommand=x",
        "a b",
        "host:0",
        "host:99999",
        "[::1",
        "$(id)",
    ] {
        let ran = lab.labctl(&["status", &format!("--connect-to={place}")]);
        ran.exits(1).says(&["--connect-to"]);
    }
}

#[test]
fn a_server_that_does_not_do_as_told_and_one_that_talks() {
    let bench = Bench::applied(SMALL);
    let machine = &bench.machine;
    machine.sh("mkdir /root/away && mv $(grep -l NOPASSWD /etc/sudoers.d/*) /root/away");
    refused_untouched(
        &bench,
        &["`sudo` on the server", "a password is required", "visudo"],
    );
    machine.sh("mv /root/away/* /etc/sudoers.d/");

    machine.sh("mv /usr/bin/python3 /usr/bin/python3.away");
    refused_untouched(&bench, &["no `python3`", "sudo apt-get install python3"]);
    machine.sh("mv /usr/bin/python3.away /usr/bin/python3");

    // Also without an end of its line.
    machine.sh(
        "for file in /etc/profile /home/ubuntu/.bashrc /home/ubuntu/.profile; do \
         (echo 'echo hello; echo oops >&2; printf \"no end of line: \"'; cat $file) >/tmp/noisy; \
         cat /tmp/noisy >$file; done",
    );
    let heard = bench.labctl(&["ssh", "true"]).ok();
    assert!(heard.stdout.contains("no end of line: "), "{heard}");
    bench.lab.edit("name: guest }", "name: guest, sudo: true }");
    bench.apply();
}
