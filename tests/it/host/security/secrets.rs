//! Planted secrets, and those that a server makes for itself, looked for on both sides; whatever the umask.

use std::io::Write;
use std::os::unix::fs::PermissionsExt;
use std::process::{Command, Stdio};

use crate::host::accidents::fresh;
use crate::host::machine::{Bench, HUB, Machine, SMALL, done};
use crate::host::organisation::{FILES, Organisation, P256};
use crate::support::{SECRET, Secrets, TOKEN, at_prompt, is_exhaustive, tell};

const PASSPHRASE: &str = "planted passphrase/of+the key";
const PASSWORD: &str = "planted-password/of+guest";
const DRIFTED: &str = "planted-drift/in+a-file-of-secrets";
const WATCH: &str = include_str!("watch.py");
/// Files below these folders may hold what their owner alone may read.
const PLACES: &str = "/etc /home /opt /root /run /srv /tmp /usr/local /var";
const PRIVATE_KEY: &str = "/etc/labctl/tls/files/privkey.pem";
const PROXY_ENV: &str = "/etc/jupyterhub/proxy.env";
const COOKIE: &str = "/var/lib/jupyterhub/jupyterhub_cookie_secret";
const HOST_KEY: &str = "/etc/ssh/ssh_host_ed25519_key";

/// A server on which everything is wide open, and all that labctl has said.
struct Told {
    bench: Bench,
    all: String,
}

impl Told {
    #[track_caller]
    fn runs(&mut self, umask: &str, line: &str, codes: &[i32]) {
        let ran = self.bench.lab.with_umask(umask, line);
        assert!(codes.contains(&ran.code), "{ran}");
        self.all.push_str(&ran.to_string());
    }

    #[track_caller]
    fn types(&mut self, line: &str, answer: &str) {
        let prompts = ["pass", "once more"];
        let (code, screen) = at_prompt(&self.bench.lab, line, &prompts, answer);
        assert_eq!(code, 0, "{screen}");
        self.all.push_str(&screen);
    }
}

/// Sudo and the shell of the login take a umask as an administrator may have set it.
fn set_umask(machine: &Machine, umask: &str) {
    machine.sh(&format!(
        "echo 'Defaults umask_override, umask=0{umask}' >/etc/sudoers.d/01-umask
         sed -i '/^umask/d' /home/ubuntu/.bashrc; sed -i '1i umask {umask}' /home/ubuntu/.bashrc"
    ));
}

/// Runs a shell line on a server with a text as its input; gives what it prints.
fn feed(machine: &Machine, line: &str, text: &str) -> String {
    let mut command = machine.command("sh");
    command.args(["-c", line]);
    let streams = command.stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut child = streams.spawn().unwrap();
    let mut stdin = child.stdin.take().unwrap();
    stdin.write_all(text.as_bytes()).unwrap();
    drop(stdin);
    let output = child.wait_with_output().unwrap();
    String::from_utf8_lossy(&output.stdout).into_owned()
}

fn watch(machine: &Machine) {
    feed(
        machine,
        "mkdir /srv/watch && cat >/srv/watch/watch.py",
        WATCH,
    );
    machine.sh("chmod 700 /srv/watch; systemd-run --quiet --unit=watch \
         --property=StandardOutput=file:/dev/shm/seen python3 /srv/watch/watch.py");
}

/// What was seen on a server by the kind of the finding.
fn seen(machine: &Machine, kind: &str) -> Vec<String> {
    let all = machine.sh("cat /dev/shm/seen");
    let found = all.lines().filter_map(|line| line.strip_prefix(kind));
    found.map(|line| line.trim().to_owned()).collect()
}

/// The values of all that a server has drawn for itself, or was given.
fn secrets_of(machine: &Machine) -> Secrets {
    let mut secrets = Secrets::default();
    for line in machine.sh(&format!("cat {PROXY_ENV}")).lines() {
        let (name, value) = line.split_once('=').unwrap();
        secrets.plant(name, value);
    }
    for line in machine.sh(&format!("cat {COOKIE}")).lines() {
        secrets.plant("the Hub's cookie secret", line);
    }
    for name in [HOST_KEY, PRIVATE_KEY] {
        secrets.plant_key(name, &machine.sh(&format!("cat {name}")));
    }
    let shadow = machine.sh("getent shadow guest");
    let hash = shadow.split(':').nth(1).unwrap();
    assert!(hash.starts_with('$'), "no password");
    secrets.plant("the hash of a password", hash.rsplit('$').next().unwrap());
    let tokens = seen(machine, "token");
    assert!(!tokens.is_empty(), "no token was seen");
    for token in &tokens {
        secrets.plant("a token of the Hub", token);
    }
    secrets
}

/// A server on which nothing is set up, but whose packages and environments are there already.
fn emptied(plan: &str) -> Bench {
    let bench = Bench::applied(plan);
    bench.machine.sh(
        "systemctl stop jupyterhub jupyterhub-proxy nginx labctl-certificate.timer
         python3 -c 'import json, os
for path in json.load(open(\"/var/lib/labctl/manifest.json\"))[\"files\"]: os.remove(path)'
         rm -rf /var/lib/labctl /etc/labctl /etc/jupyterhub /var/lib/jupyterhub /var/www/labctl*
         userdel --remove test-user 2>/dev/null; userdel --remove guest 2>/dev/null; systemctl daemon-reload",
    );
    bench
}

/// Sets a lab up whose own key is sealed at the end, with a certificate of files.
fn begin() -> (Told, Secrets) {
    let plan = format!("{SMALL}{HUB}");
    let bench = match is_exhaustive() {
        true => fresh(&plan),
        false => emptied(&plan),
    };
    let organisation = Organisation::begin(&bench.lab);
    organisation.issue("DNS:lab.example.org", "-days 20", P256);
    bench.lab.edit("{ mode: self-signed }", FILES);
    let mut secrets = Secrets::default();
    secrets.plant("the secret of AWS", SECRET);
    secrets.plant("the token of AWS", TOKEN);
    secrets.plant("the passphrase", PASSPHRASE);
    secrets.plant("the password", PASSWORD);
    secrets.plant("the drift", DRIFTED);
    let (ssh, tls) = ("home/.ssh/id_ed25519", "tls/key.pem");
    secrets.plant_key("the SSH key", &bench.lab.read(ssh));
    secrets.plant_key("the key of HTTPS", &bench.lab.read(tls));
    set_umask(&bench.machine, "000");
    watch(&bench.machine);
    let all = String::new();
    (Told { bench, all }, secrets)
}

#[test]
fn secrets_stay_in_their_places_whatever_the_umask() {
    let (mut told, mut secrets) = begin();
    told.runs("000", "apply --yes -v", &[0]);
    told.runs("000", "plan --detailed-exitcode", &[0]);
    told.types("passwd guest -v", &format!("{PASSWORD}\n{PASSWORD}\n"));
    told.runs(
        "000",
        "doctor --deep --json --resolver 127.0.0.1:1 --at 80=127.0.0.1:1 --at 443=127.0.0.1:1",
        &[0, 1],
    );
    secrets.extend(secrets_of(&told.bench.machine));
    let open = seen(&told.bench.machine, "open");
    assert_eq!(open, Vec::<String>::new(), "others could have read it");
    drifts(&mut told);
    is_repaired_under_a_narrow_umask(&mut told);
    // The proxy's was drawn anew.
    secrets.extend(secrets_of(&told.bench.machine));
    seal(&mut told, &mut secrets);

    told.bench.machine.sh("touch /dev/shm/enough");
    secrets.assert_absent("labctl's output", &told.all);
    the_laptop_is_clean(&told.bench, &secrets);
    the_server_is_clean(&told.bench.machine, &secrets);
    tell(&format!(
        "{} texts looked for in {} bytes of output",
        secrets.patterns().lines().count(),
        told.all.len()
    ));
}

/// Files of secrets are changed by hand, and all who show differences are asked.
fn drifts(told: &mut Told) {
    let line = format!(
        "drift=$(cat); echo \"$drift\" >>{PRIVATE_KEY}; echo \"PASSWORD=$drift\" >>{PROXY_ENV}
         chmod 644 {PROXY_ENV} {PRIVATE_KEY}; chmod 666 /etc/nginx/nginx.conf"
    );
    feed(&told.bench.machine, &line, DRIFTED);
    for line in [
        "plan -v",
        "plan --json -v",
        "plan --out saved",
        "status -v",
        "status --json",
        "logs jupyter -n 2000",
        "logs notebooks -n 2000",
        "logs nginx -n 2000",
        "logs ssh -n 2000",
        "logs apply -n 2000",
        "ssh -v -- id -un",
    ] {
        told.runs("000", line, &[0]);
    }
    assert!(told.all.contains(PRIVATE_KEY), "the drift was not seen");
}

fn is_repaired_under_a_narrow_umask(told: &mut Told) {
    set_umask(&told.bench.machine, "077");
    told.runs("077", "apply saved --yes --json -v", &[0]);
    told.runs("077", "plan --detailed-exitcode -v", &[0]);
    let modes = told.bench.machine.sh(&format!(
        "stat -c '%a %U %n' {PRIVATE_KEY} {PROXY_ENV} /etc/jupyterhub/jupyterhub_config.py \
         /etc/systemd/system/jupyterhub.service /home/test-user/.ssh/authorized_keys; stat -c %A /opt/jupyterhub/bin/."
    ));
    let expected = format!(
        "600 root {PRIVATE_KEY}\n600 root {PROXY_ENV}\n\
         644 root /etc/jupyterhub/jupyterhub_config.py\n644 root /etc/systemd/system/jupyterhub.service\n\
         600 test-user /home/test-user/.ssh/authorized_keys\ndrwxr-xr-x\n"
    );
    assert_eq!(modes, expected);
    told.bench.machine.sh(&format!("rm {PROXY_ENV}"));
    told.runs("077", "apply --yes -v", &[0]);
    let page = told
        .bench
        .curl(&["--insecure", "https://lab.example.org/jupyter/hub/login"]);
    assert!(page.contains("name=\"username\""), "{page}");
}

/// With a key that has a passphrase, labctl asks for it, and keeps it to itself.
fn seal(told: &mut Told, secrets: &mut Secrets) {
    let key = told.bench.lab.folder.join("home/.ssh/id_ed25519");
    let mut keygen = Command::new("ssh-keygen");
    done(
        keygen
            .args(["-q", "-p", "-P", "", "-N", PASSPHRASE, "-f"])
            .arg(&key),
    );
    secrets.plant_key(
        "the sealed key",
        &told.bench.lab.read("home/.ssh/id_ed25519"),
    );
    told.runs("000", "plan -v", &[0, 1]);
    told.types("plan -v", &format!("{PASSPHRASE}\n"));
}

fn the_laptop_is_clean(bench: &Bench, secrets: &Secrets) {
    let at = |path: &str| bench.lab.folder.join(path);
    let found = secrets.files_below(&bench.lab.folder);
    assert_eq!(found, [at("home/.ssh/id_ed25519"), at("tls/key.pem")]);
    let mode = |path: &str| at(path).metadata().unwrap().permissions().mode() & 0o777;
    let state = "home/.local/state/labctl";
    assert_eq!(mode(state), 0o700);
    assert_eq!(mode(&format!("{state}/known_hosts")), 0o600);
    assert_eq!(mode("saved"), 0o600);
}

/// Secrets are where they are meant to be, for their owner alone, and nowhere else.
fn the_server_is_clean(machine: &Machine, secrets: &Secrets) {
    let patterns = secrets.patterns();
    let files = format!("grep -rlF -f - {PLACES} 2>/dev/null || true");
    let found = feed(machine, &files, &patterns);
    let mut elsewhere = Vec::new();
    for path in found.lines() {
        let status = machine.sh(&format!("stat -c '%a %U:%G' '{path}'"));
        let guest = machine.try_sh(&format!("runuser -u guest -- test -r '{path}'"));
        let is_meant = match path {
            PRIVATE_KEY | PROXY_ENV | COOKIE | HOST_KEY => status == "600 root:root\n",
            "/etc/shadow" | "/etc/shadow-" => status.ends_with("0 root:shadow\n"),
            // What was changed by hand is kept, as it was, in a folder that nobody else gets into.
            _ => path.starts_with("/var/lib/labctl/backups/"),
        } && !guest.status.success();
        if !is_meant {
            elsewhere.push(format!("{path} {status}"));
        }
    }
    assert!(elsewhere.is_empty(), "{elsewhere:?}");
    for path in [PRIVATE_KEY, PROXY_ENV, COOKIE, "/etc/shadow"] {
        assert!(found.contains(path), "{path} was not looked into: {found}");
    }
    machine.sh("journalctl --sync");
    for format in ["cat", "verbose"] {
        let journal = machine.sh(&format!("journalctl --no-pager --all -o {format}"));
        assert!(journal.len() > 10_000, "hardly a journal");
        secrets.assert_absent("the journal", &journal);
    }
    let commands = seen(machine, "command");
    assert!(
        commands
            .iter()
            .any(|line| line.contains("jupyterhub-singleuser"))
    );
    secrets.assert_absent("a command line", &commands.join("\n"));
    let own = machine.sh("stat -c '%a %U' /var/lib/labctl");
    assert_eq!(own, "700 root\n");
    let writable = machine.sh(
        "find /etc /opt /usr/local /var/www /var/lib /srv /home -xdev ! -type l ! -path '/home/ubuntu/*' \
         ! -path '/var/lib/labctl/*' \
         -perm /002 ! -perm -1000 | head -5",
    );
    assert_eq!(writable, "", "everybody may write it");
}
