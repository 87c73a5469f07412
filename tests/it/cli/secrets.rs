//! Planted secrets, looked for in all that labctl prints, stores and sends; and modes, whatever the umask.

use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;

use serde_json::json;

use crate::host::machine::{HUB, SMALL, done};
use crate::host::organisation::{FILES, Organisation, P256};
use crate::support::{Lab, SECRET, Secrets, TOKEN, Tap};

const ACCESS_KEY: &str = "AKIAPLANTEDACCESSKEY";
const PASSPHRASE: &str = "planted passphrase/of+the key";
const PROXY_PASSWORD: &str = "planted-password-of-the-proxy";
/// The places in a request where the credentials of AWS belong (AWS Signature Version 4).
const CREDENTIAL: &str = "credential=akiaplantedaccesskey/";
const TOKEN_HEADER: &str = "x-amz-security-token: ";

/// A lab with secrets in it, and all that labctl has said there.
struct Told {
    lab: Lab,
    all: String,
}

impl Told {
    #[track_caller]
    fn runs(&mut self, line: &str, code: i32) {
        let arguments: Vec<&str> = line.split(' ').collect();
        let ran = self.lab.labctl(&arguments).exits(code);
        self.all.push_str(&ran.to_string());
    }

    /// Lets labctl check a plan in which one text stands for another.
    #[track_caller]
    fn refuses(&mut self, old: &str, new: &str) {
        let before = self.lab.read("lab.yaml");
        self.lab.edit(old, new);
        for line in ["validate", "plan --json -v", "render --out refused"] {
            self.runs(line, 1);
        }
        self.lab.write("lab.yaml", &before);
    }
}

fn sealed_key(lab: &Lab) -> String {
    let key = lab.folder.join("home/.ssh/id_ed25519");
    let _ = std::fs::remove_file(lab.folder.join("home/.ssh/id_ed25519.pub"));
    let mut keygen = Command::new("ssh-keygen");
    done(
        keygen
            .args(["-q", "-t", "ed25519", "-N", PASSPHRASE, "-f"])
            .arg(key),
    );
    lab.read("home/.ssh/id_ed25519")
}

/// A lab with a planted secret in every place from which labctl reads one.
fn planted(secrets: &mut Secrets) -> (Told, Tap) {
    let mut lab = Lab::new(&format!("{SMALL}{HUB}"));
    let tap = Tap::start(lab.port(), ACCESS_KEY, &lab.account);
    let endpoint = format!("http://127.0.0.1:{}", tap.port);
    lab.set("AWS_ENDPOINT_URL", &endpoint);
    lab.set("AWS_ACCESS_KEY_ID", ACCESS_KEY);
    lab.edit("{ mode: self-signed }", FILES);
    let organisation = Organisation::begin(&lab);
    organisation.issue("DNS:lab.example.org", "-days 10", P256);
    secrets.plant("the access key", ACCESS_KEY);
    secrets.plant("the secret of AWS", SECRET);
    secrets.plant("the token of AWS", TOKEN);
    secrets.plant("the passphrase", PASSPHRASE);
    secrets.plant("the password of the proxy", PROXY_PASSWORD);
    secrets.plant_key("the SSH key", &sealed_key(&lab));
    secrets.plant_key("the key of HTTPS", &lab.read("tls/key.pem"));
    let all = String::new();
    (Told { lab, all }, tap)
}

#[test]
fn planted_secrets_are_neither_printed_nor_stored_nor_sent() {
    let mut secrets = Secrets::default();
    let (mut told, tap) = planted(&mut secrets);
    what_succeeds(&mut told);
    let heard = tap.heard().to_lowercase();
    what_fails(&mut told, &mut secrets);

    secrets.assert_absent("labctl's output", &told.all);
    let folder = &told.lab.folder;
    let meant = ["home/.ssh/id_ed25519", "tls/key.pem"].map(|path| folder.join(path));
    let others =
        ["sealed.pem", "rsa.pem", "pasted.yaml", "mirror.yaml"].map(|path| folder.join(path));
    let found = secrets.files_below(folder);
    for path in &meant {
        assert!(found.contains(path), "{path:?} was not looked into");
    }
    let elsewhere: Vec<_> = found
        .iter()
        .filter(|path| !meant.contains(path) && !others.contains(path))
        .collect();
    assert!(elsewhere.is_empty(), "{elsewhere:?}");

    // Whole headers are looked at, without the one place in them where a word belongs.
    let header = format!("{TOKEN_HEADER}{}", TOKEN.to_lowercase());
    for word in ["action=runinstances", CREDENTIAL, header.as_str()] {
        assert!(heard.contains(word), "nobody has heard `{word}`");
    }
    let rest = heard.replace(CREDENTIAL, "").replace(&header, "");
    let lowered: Vec<_> = secrets.patterns().lines().map(str::to_lowercase).collect();
    for line in rest.lines() {
        let sent = lowered.iter().find(|form| line.contains(form.as_str()));
        assert_eq!(sent, None, "in what is sent to AWS");
    }
}

fn what_succeeds(told: &mut Told) {
    for line in [
        "validate",
        "graph",
        "schema",
        "render --out out",
        "doctor --iam-policy apply",
        "plan -v",
        "plan --json -v",
        "plan --out saved",
        "apply saved --yes -v",
    ] {
        told.runs(line, 0);
    }
    let resized = "instance_type: t3.small";
    told.lab.edit("instance_type: t3.medium", resized);
    for line in [
        "apply --yes --json -v",
        "status -v",
        "status --json",
        "stop",
        "start -v",
        "destroy --yes --json -v",
    ] {
        told.runs(line, 0);
    }
}

fn what_fails(told: &mut Told, secrets: &mut Secrets) {
    // Private keys where public ones, a plan, a saved plan or a certificate are meant.
    told.refuses("id_ed25519.pub\n", "id_ed25519\n");
    told.refuses("[~/.ssh/id_ed25519.pub]", "[~/.ssh/id_ed25519]");
    told.refuses("tls/chain.pem", "tls/key.pem");
    for key in ["tls/key.pem", "home/.ssh/id_ed25519"] {
        for command in ["validate", "plan", "graph", "destroy --yes"] {
            told.runs(&format!("{command} --file {key}"), 1);
        }
        told.runs(&format!("apply {key} --yes"), 1);
    }
    let pasted = told.lab.read("tls/key.pem").replace('\n', "\n  ");
    let plan = told.lab.read("lab.yaml");
    let text = format!("{plan}note: |\n  {pasted}\n");
    told.lab.write("pasted.yaml", &text);
    told.runs("validate --file pasted.yaml", 1);
    let mirror = format!("https://me:{PROXY_PASSWORD}@pip.example.org/");
    let text = format!("{plan}  mirrors: {{ pip: \"{mirror}\" }}\n");
    told.lab.write("mirror.yaml", &text);
    told.runs("validate --file mirror.yaml", 1);
    // Keys that do not fit, or that nobody can open.
    let openssl = |words: &str| Organisation::begin(&told.lab).openssl(words);
    openssl("genpkey -algorithm rsa -out ../rsa.pem");
    openssl("genpkey -algorithm ed25519 -aes256 -pass pass:planted-pass -out ../sealed.pem");
    for key in ["rsa.pem", "sealed.pem"] {
        secrets.plant_key(key, &told.lab.read(key));
        told.refuses("tls/key.pem", key);
    }
    // AWS repeats what was sent, where it does not believe a signature.
    let said = format!(
        "The Canonical String for this request should have been 'POST {TOKEN_HEADER}{TOKEN}' of {ACCESS_KEY}"
    );
    for code in ["SignatureDoesNotMatch", "AuthFailure"] {
        told.lab.fault(
            json!({ "match": "*", "count": 0, "status": 403, "code": code, "message": said }),
        );
        told.runs("plan -v", 1);
        told.runs("apply --yes --json -v", 1);
    }
    told.lab.no_faults();
    let proxy = format!("http://me:{PROXY_PASSWORD}@127.0.0.1:1");
    told.lab.set("HTTPS_PROXY", &proxy);
    told.lab.set("AWS_ENDPOINT_URL", "https://127.0.0.1:1");
    told.runs("plan -v", 1);
}

fn mode(path: &Path) -> u32 {
    path.metadata().unwrap().permissions().mode() & 0o777
}

/// A saved plan is the lab's own affair, and what comes of a folder stays as closed as it may have been there.
#[test]
fn no_umask_opens_a_file_of_the_laptop_or_makes_one_useless() {
    for umask in ["000", "077"] {
        let lab = Lab::full();
        lab.write("older", "{}");
        lab.with_umask(umask, "plan --out saved").ok();
        lab.with_umask(umask, "plan --out older").ok();
        for saved in ["saved", "older"] {
            assert_eq!(mode(&lab.folder.join(saved)), 0o600, "{saved} at {umask}");
        }
        lab.with_umask(umask, "apply saved --yes").ok();
        lab.labctl(&["plan", "--detailed-exitcode"]).ok();

        let ran = lab.with_umask(umask, "render --out out").ok();
        let mut ours = 0;
        for path in ran.stdout.lines().map(|line| lab.folder.join(line)) {
            assert_eq!(mode(&path) & 0o600, 0o600, "{path:?} at {umask}");
            let is_of_folder = path.components().any(|part| part.as_os_str() == "app.py");
            if is_of_folder {
                ours += 1;
                assert_eq!(mode(&path), 0o600, "{path:?} at {umask}");
            }
        }
        assert!(ours > 0, "no file of a folder\n{ran}");
        // Once more, over what is there.
        lab.with_umask(umask, "render --out out").ok();
    }
}
