//! The programs that read the host's files, run on files in a folder.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use labctl::host::DesiredHost;
use labctl::host::desired::{Checker, DesiredFile};

const CERTIFICATE: &str = "/etc/labctl/tls/current/";

/// What has passed its program: most files are the same in many combinations.
static PASSED: Mutex<BTreeSet<String>> = Mutex::new(BTreeSet::new());

/// Checks something that nothing but `text` decides, unless the same has passed before.
fn once(text: String, check: impl FnOnce()) {
    if !PASSED.lock().unwrap().contains(&text) {
        check();
        PASSED.lock().unwrap().insert(text);
    }
}

/// Lays the host's files out and gives each to its program.
#[track_caller]
pub fn check(host: &DesiredHost) {
    let folder = lay_out(host);
    for (path, file) in &host.files {
        once(format!("{path}\n{}", file.content), || {
            check_file(&folder, path, file);
        });
    }
    let units = host.files.iter();
    let units = units.filter(|(_, file)| file.check == Some(Checker::Unit));
    let text: String = units
        .map(|(path, file)| format!("{path}\n{}", file.content))
        .collect();
    once(text, || check_units(host, &folder));
    fs::remove_dir_all(folder).unwrap();
}

#[track_caller]
fn check_file(folder: &Path, path: &str, file: &DesiredFile) {
    let place = folder.join(path.trim_start_matches('/'));
    match file.check {
        Some(Checker::Nginx) => nginx(folder, &place),
        Some(Checker::Python) => {
            let names = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/it/templates/names.py");
            passes(Command::new("python3").arg(names).arg(&place));
        }
        Some(Checker::Sudoers) => passes(Command::new("visudo").arg("-cf").arg(&place)),
        Some(Checker::Sshd) => sshd(folder, &place),
        Some(Checker::Nft) => passes(Command::new("nft").args(["--check", "--file"]).arg(&place)),
        None if path.ends_with(".sh") || file.content.starts_with("#!/bin/sh") => {
            passes(Command::new("sh").arg("-n").arg(&place));
        }
        None if path.ends_with(".json") => {
            passes(
                Command::new("python3")
                    .args(["-m", "json.tool"])
                    .arg(&place),
            );
        }
        Some(Checker::Unit) | None => {}
    }
}

fn lay_out(host: &DesiredHost) -> PathBuf {
    static COUNT: AtomicUsize = AtomicUsize::new(0);
    let count = COUNT.fetch_add(1, Ordering::Relaxed);
    let name = format!("host-{}-{count}", std::process::id());
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    for (path, file) in &host.files {
        let place = folder.join(path.trim_start_matches('/'));
        fs::create_dir_all(place.parent().unwrap()).unwrap();
        fs::write(place, &file.content).unwrap();
    }
    folder
}

#[track_caller]
fn passes(command: &mut Command) {
    let output = command.stdin(Stdio::null()).output();
    let output = output.unwrap_or_else(|error| panic!("{command:?}: {error}"));
    assert!(
        output.status.success(),
        "{command:?}\n{}{}",
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    );
}

/// NGINX reads the certificate too, so there is one; nothing listens.
#[track_caller]
fn nginx(folder: &Path, place: &Path) {
    let tls = folder.join("tls");
    fs::create_dir_all(&tls).unwrap();
    passes(
        Command::new("openssl")
            .args([
                "req",
                "-x509",
                "-nodes",
                "-newkey",
                "ec",
                "-pkeyopt",
                "ec_paramgen_curve:P-256",
            ])
            .args(["-subj", "/CN=test", "-days", "1", "-keyout"])
            .arg(tls.join("privkey.pem"))
            .arg("-out")
            .arg(tls.join("fullchain.pem")),
    );
    let text = fs::read_to_string(place).unwrap();
    fs::write(
        place,
        text.replace(CERTIFICATE, &format!("{}/", tls.display())),
    )
    .unwrap();
    passes(Command::new("nginx").args(["-t", "-q", "-c"]).arg(place));
}

/// How much a unit leaves open, as systemd reckons.
pub fn exposure(host: &DesiredHost, unit: &str) -> f64 {
    let folder = lay_out(host);
    let place = folder.join("etc/systemd/system").join(unit);
    let mut command = Command::new("systemd-analyze");
    let output = command
        .args(["security", "--offline=true", "--no-pager"])
        .arg(place)
        .output();
    let said = String::from_utf8(output.unwrap().stdout).unwrap();
    fs::remove_dir_all(folder).unwrap();
    let (_, level) = said.rsplit_once(&format!("{unit}: ")).expect(&said);
    level.split(' ').next().unwrap().parse().unwrap()
}

#[track_caller]
fn sshd(folder: &Path, place: &Path) {
    fs::create_dir_all("/run/sshd").unwrap();
    let key = folder.join("host_key");
    let mut command = Command::new("ssh-keygen");
    passes(
        command
            .args(["-q", "-t", "ed25519", "-N", "", "-f"])
            .arg(&key),
    );
    let main = folder.join("sshd_config");
    let text = format!("Include {}\nHostKey {}\n", place.display(), key.display());
    fs::write(&main, text).unwrap();
    passes(Command::new("/usr/sbin/sshd").args(["-t", "-f"]).arg(main));
}

/// All units at once, because they name each other. That their programs are not
/// there yet is no fault of theirs.
#[track_caller]
fn check_units(host: &DesiredHost, folder: &Path) {
    let files = host.files.iter();
    let units = files.filter(|(_, file)| file.check == Some(Checker::Unit));
    let places: Vec<_> = units
        .map(|(path, _)| folder.join(path.trim_start_matches('/')))
        .collect();
    let mut command = Command::new("systemd-analyze");
    command.args(["verify", "--man=no"]).args(&places);
    let output = command
        .output()
        .unwrap_or_else(|error| panic!("{command:?}: {error}"));
    let said = String::from_utf8_lossy(&output.stderr);
    let names: Vec<_> = places
        .iter()
        .map(|place| place.file_name().unwrap().to_str().unwrap())
        .collect();
    let faults: Vec<_> = said
        .lines()
        .filter(|line| names.iter().any(|name| line.contains(name)))
        .filter(|line| !line.contains("is not executable: No such file or directory"))
        .collect();
    assert!(faults.is_empty(), "{faults:#?}");
}
