//! A company's mirror on the host itself, and packages that stand in for those of vendors.

use std::path::Path;
use std::process::Command;

use super::machine::{Server, done};

/// Where the mirror answers, seen from the host.
pub const MIRROR: &str = "http://127.0.0.1:8900";
const PROGRAM: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/host/mirror.py");
const BUILD: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/host/standins/build");
const FOLDER: &str = "/srv/mirror";

/// A file of the mirror.
pub struct Served {
    pub url: String,
    pub sha256: String,
}

/// Starts the mirror, as a user of its own.
pub fn start(machine: &Server) {
    machine.sh(&format!(
        "mkdir -p {FOLDER}/files {FOLDER}/pypi; useradd --system mirror"
    ));
    copy(machine, PROGRAM, "/srv/mirror.py");
    machine.sh(
        "systemd-run --quiet --unit=mirror --property=EnvironmentFile=-/etc/environment \
             python3 /srv/mirror.py
         for try in $(seq 100); do
             curl -s -o /dev/null http://127.0.0.1:8900/ && exit; sleep 0.1
         done; exit 1",
    );
}

/// From now on the host reaches nothing but itself; the mirror reaches everything.
pub fn close_the_world(machine: &Server) {
    machine.sh(
        "printf '%s\\n' 'table inet closed { chain output { type filter hook output priority 0;
             oifname lo accept; ct state established,related accept; meta skuid mirror accept;
             udp dport 53 accept; tcp dport 53 accept; reject; }; }' | nft -f -
         ! curl -s -m 5 -o /dev/null http://deb.debian.org/",
    );
}

/// Copies a file to the host.
pub fn copy(machine: &Server, from: &str, to: &str) {
    done(Command::new("docker").args(["cp", "--quiet", from, &format!("{}:{to}", machine.name)]));
}

/// Builds a package that stands in for a vendor's, and serves it.
pub fn serve_package(machine: &Server, package: &str, version: &str) -> Served {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(&machine.name);
    std::fs::create_dir_all(&folder).unwrap();
    let mut command = Command::new(BUILD);
    let built = done(command.args([package, version]).arg(&folder));
    let file = Path::new(built.trim());
    let name = file.file_name().unwrap().to_str().unwrap();
    copy(machine, built.trim(), &format!("{FOLDER}/files/{name}"));
    std::fs::remove_dir_all(&folder).unwrap();
    let sum = machine.sh(&format!(
        "chmod 644 {FOLDER}/files/*; sha256sum {FOLDER}/files/{name}"
    ));
    Served {
        url: format!("{MIRROR}/files/{name}"),
        sha256: sum.split(' ').next().unwrap().to_owned(),
    }
}

/// What the mirror was asked for, a line each: `GET PATH STATUS`.
pub fn asked(machine: &Server) -> String {
    machine.sh("journalctl --sync; journalctl --quiet --unit mirror --output cat")
}

/// Puts a wheel of a package without content into the mirror's index.
pub fn serve_wheel(machine: &Server, name: &str, version: &str) {
    machine.sh(&format!(
        "python3 - <<'PYTHON'
import zipfile
name, version = '{name}', '{version}'
info = f'{{name}}-{{version}}.dist-info'
files = {{
    f'{{name}}.py': f'version = \"{{version}}\"\\n',
    f'{{info}}/METADATA': f'Metadata-Version: 2.1\\nName: {{name}}\\nVersion: {{version}}\\n',
    f'{{info}}/WHEEL': 'Wheel-Version: 1.0\\nGenerator: test\\nRoot-Is-Purelib: true\\nTag: py3-none-any\\n',
}}
record = ''.join(f'{{path}},,\\n' for path in [*files, f'{{info}}/RECORD'])
with zipfile.ZipFile(f'{FOLDER}/pypi/{{name}}-{{version}}-py3-none-any.whl', 'w') as wheel:
    for path, text in {{**files, f'{{info}}/RECORD': record}}.items():
        wheel.writestr(path, text)
PYTHON"
    ));
}

/// Puts a package of R, which has one function, into the mirror's repository.
pub fn serve_r_package(machine: &Server, name: &str) {
    machine.sh(&format!(
        "set -e; folder=$(mktemp -d); mkdir -p $folder/{name}/R {FOLDER}/cran/src/contrib
         printf '%s\\n' 'Package: {name}' 'Version: 1.0' 'Title: A Test' 'Description: Tests.' 'License: MIT' \
             'Author: Nobody' 'Maintainer: Nobody <nobody@example.org>' >$folder/{name}/DESCRIPTION
         echo 'export(answer)' >$folder/{name}/NAMESPACE
         echo 'answer <- function() 42' >$folder/{name}/R/answer.R
         tar -C $folder -czf {FOLDER}/cran/src/contrib/{name}_1.0.tar.gz {name}
         printf 'Package: {name}\\nVersion: 1.0\\n\\n' >>{FOLDER}/cran/src/contrib/PACKAGES"
    ));
}
