//! A certificate that an organisation gives: `https: { mode: files }`.

use std::path::PathBuf;
use std::process::Command;

use super::certificate::verified;
use super::machine::{Bench, SMALL, done};
use crate::support::Lab;

const NAME: &str = "lab.example.org";
const TRUSTED: &str = "Verify return code: 0 (ok)";
pub const FILES: &str = "{ mode: files, certificate: tls/chain.pem, key: tls/key.pem }";

/// An authority whose files lie in the lab's folder `tls`.
pub struct Organisation<'a>(&'a Lab);

impl Organisation<'_> {
    pub fn openssl(&self, words: &str) {
        let mut command = Command::new("openssl");
        done(
            command
                .current_dir(self.0.folder.join("tls"))
                .args(words.split(' ')),
        );
    }

    pub fn begin(lab: &Lab) -> Organisation<'_> {
        lab.write("tls/README", "an organisation's own");
        let organisation = Organisation(lab);
        let new_key = "-newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes";
        organisation.openssl(&format!(
            "req -x509 {new_key} -days 30 -subj /CN=organisation -keyout ca.key -out ca.pem"
        ));
        organisation
    }

    /// Issues a certificate with a new key.
    pub fn issue(&self, names: &str, days: &str, key: &str) {
        self.0
            .write("tls/names", &format!("subjectAltName={names}\n"));
        self.openssl(&format!(
            "req -newkey {key} -nodes -subj /CN=server -keyout key.pem -out server.csr"
        ));
        self.openssl(&format!(
            "x509 -req -in server.csr -CA ca.pem -CAkey ca.key -CAcreateserial {days} -extfile names -out chain.pem"
        ));
        let (leaf, root) = (self.0.read("tls/chain.pem"), self.0.read("tls/ca.pem"));
        self.0.write("tls/chain.pem", &format!("{leaf}{root}"));
    }

    fn root(&self) -> PathBuf {
        self.0.folder.join("tls/ca.pem")
    }

    /// A line of the key, by which it is found wherever it should not be.
    fn secret(&self) -> String {
        let key = self.0.read("tls/key.pem");
        key.lines().nth(1).unwrap().to_owned()
    }
}

pub const P256: &str = "ec -pkeyopt ec_paramgen_curve:P-256";

#[test]
fn files_that_do_not_fit_are_refused_before_anybody_is_asked() {
    let lab = Lab::offline();
    lab.write("lab.yaml", SMALL);
    lab.edit("{ mode: self-signed }", FILES);
    lab.labctl(&["validate"]).exits(1).says(&[
        "tls/chain.pem",
        "tls/key.pem",
        "No such file",
        "lab.yaml:1",
    ]);
    let organisation = Organisation::begin(&lab);
    let valid = "-days 10";
    for key in [P256, "rsa:2048", "ed25519"] {
        organisation.issue("DNS:lab.example.org", valid, key);
        lab.labctl(&["validate"]).ok();
    }
    organisation.issue("DNS:*.example.org,DNS:example.org", valid, P256);
    lab.labctl(&["validate"]).ok();

    // Each is wrong in one thing, at the place in the plan that names the file.
    let mut cases: Vec<(&str, &str)> = Vec::new();
    organisation.issue("DNS:other.example.org", valid, P256);
    cases.push(("not for `lab.example.org`", "certificate: tls/chain.pem"));
    check(&lab, &cases);
    organisation.issue("DNS:*.lab.example.org", valid, P256);
    check(&lab, &cases);
    organisation.issue("DNS:lab.example.org", "-days 0", P256);
    check(
        &lab,
        &[("it has ended, on", "replace")].map(|(said, _)| (said, "renewed certificate")),
    );
    organisation.issue("DNS:lab.example.org", valid, P256);
    let (chain, key) = (lab.read("tls/chain.pem"), lab.read("tls/key.pem"));
    organisation.openssl("genpkey -algorithm ed25519 -out key.pem");
    check(
        &lab,
        &[(
            "it is not the key of the certificate",
            "openssl pkey -pubout",
        )],
    );
    organisation.openssl("genpkey -algorithm ed25519 -aes256 -pass pass:x -out key.pem");
    check(&lab, &[("has a passphrase", "openssl pkey -in KEY")]);
    lab.write("tls/key.pem", "no key");
    check(&lab, &[("no private key in it", "PEM form")]);
    lab.write("tls/key.pem", &key);
    lab.write("tls/chain.pem", &chain[..200]);
    check(&lab, &[("certificate", "copy the file again")]);
    lab.write("tls/chain.pem", &key);
    check(
        &lab,
        &[("no `-----BEGIN CERTIFICATE-----` in it", "openssl x509")],
    );
    // A file that holds both gives its certificates to the world, and nothing else.
    lab.write("tls/chain.pem", &format!("{key}{chain}"));
    let ran = lab.labctl(&["render", "--out", "out"]).ok();
    assert!(
        ran.stderr
            .contains("`/etc/labctl/tls/files/privkey.pem` is private"),
        "{ran}"
    );
    assert!(
        !lab.folder
            .join("out/etc/labctl/tls/files/privkey.pem")
            .exists()
    );
    assert_eq!(lab.read("out/etc/labctl/tls/files/fullchain.pem"), chain);
}

#[track_caller]
fn check(lab: &Lab, cases: &[(&str, &str)]) {
    for command in [
        &["validate"][..],
        &["plan", "--only", "cloud"],
        &["apply", "--yes", "--only", "cloud"],
    ] {
        let ran = lab.labctl(command).exits(1);
        for (reason, help) in cases {
            assert!(
                ran.stderr.contains(reason) && ran.stderr.contains(help),
                "{reason}\n{ran}"
            );
        }
        assert!(ran.stderr.contains("lab.yaml:"), "{ran}");
        assert!(!ran.stderr.contains("PRIVATE KEY-----\n"), "{ran}");
    }
}

#[test]
fn a_certificate_of_the_organisation_is_served_renewed_and_taken_back() {
    let bench = Bench::applied(SMALL);
    let organisation = Organisation::begin(&bench.lab);
    organisation.issue("DNS:lab.example.org", "-days 20", P256);
    bench.lab.edit("{ mode: self-signed }", FILES);
    a_failed_gate_brings_the_old_one_back(&bench, &organisation);

    bench.labctl(&["plan", "--out", "saved"]).ok();
    let started = bench.machine.started("nginx");
    let ran = bench.apply();
    let first = organisation.secret();
    let saved = bench.lab.read("saved");
    assert!(!format!("{ran}{saved}").contains(&first), "{ran}");
    let seen = verified(&bench, &organisation.root());
    assert!(seen.contains(TRUSTED), "{seen}");
    let key = "/etc/labctl/tls/files/privkey.pem";
    assert_eq!(
        bench.machine.sh(&format!("stat -c '%a %U:%G' {key}")),
        "600 root:root\n"
    );
    assert!(bench.machine.sh(&format!("cat {key}")).contains(&first));

    // The next apply takes a renewed one there, and cuts nobody off.
    organisation.issue(
        "DNS:lab.example.org,DNS:www.example.org",
        "-days 25",
        "rsa:2048",
    );
    let second = organisation.secret();
    bench.labctl(&["apply", "saved", "--yes"]).exits(1).says(&[
        "files of the certificate have changed",
        "nothing was changed",
    ]);
    let ran = bench.labctl(&["plan"]).ok();
    for line in [
        key,
        "/etc/labctl/tls/files/fullchain.pem",
        "unit.nginx.service  reload",
    ] {
        assert!(ran.stdout.contains(line), "{ran}");
    }
    assert!(
        !ran.to_string().contains(&second) && !ran.to_string().contains(&first),
        "{ran}"
    );
    let json = bench.labctl(&["plan", "--json"]).ok();
    assert!(!json.to_string().contains(&second), "{json}");
    let ran = bench.apply();
    assert!(!ran.to_string().contains(&second), "{ran}");
    let seen = verified(&bench, &organisation.root());
    assert!(seen.contains(TRUSTED), "{seen}");
    assert_eq!(started, bench.machine.started("nginx"));
    // It lies at its place, and nowhere else.
    let found = bench.machine.sh(&format!(
        "grep -rlF -e '{second}' -e '{first}' /etc /var /run /tmp /root || true"
    ));
    assert_eq!(found, format!("{key}\n"));

    bench.lab.edit(FILES, "{ mode: self-signed }");
    bench.apply();
    let left = bench
        .machine
        .sh("ls -A /etc/labctl/tls/files 2>/dev/null || true");
    assert_eq!(left, "");
    let page = bench.curl(&["--insecure", &format!("https://{NAME}/")]);
    assert!(page.contains("</html>"), "{page}");
}

fn a_failed_gate_brings_the_old_one_back(bench: &Bench, organisation: &Organisation<'_>) {
    bench.machine.sh("chmod 700 /var/www/labctl");
    let ran = bench.labctl(&["apply", "--yes"]).exits(1);
    assert!(ran.stderr.contains("gate `landing page` failed"), "{ran}");
    assert!(!ran.to_string().contains(&organisation.secret()), "{ran}");
    let seen = verified(bench, &organisation.root());
    assert!(
        !seen.contains(TRUSTED) && seen.contains(&format!("CN = {NAME}")),
        "{seen}"
    );
    assert_eq!(
        bench.machine.sh("readlink /etc/labctl/tls/current"),
        "self-signed\n"
    );
    bench.machine.sh("nginx -t && chmod 755 /var/www/labctl");
    let found = bench.machine.sh(&format!(
        "grep -rlF '{}' /etc /var /run /tmp || true",
        organisation.secret()
    ));
    assert_eq!(found, "");
}
