//! Servers on which a plan has been applied already, for tests that are not about applying.
//!
//! The first who wants one applies the plan to an empty server, and makes an image of its disk. Its name is a hash of
//! all that an apply brings there, so that whoever changes a template, a piece or the agent gets a new one.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::Command;

use labctl::support::digest;
use labctl::{host, plan};

use crate::support::files_below;

use super::machine::{Bench, SMALL, done, make_key, script};

const IMAGES: &str = "labctl-test-applied";
/// How many images are kept; those of old inputs are in nobody's way until then.
const KEPT: usize = 8;

/// The folder of what all such servers share.
fn folder() -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("applied");
    fs::create_dir_all(&folder).unwrap();
    folder
}

/// Lets one test at a time pass, in whatever process it runs.
fn lock(name: &str) -> File {
    let lock = File::create(folder().join(name)).unwrap();
    lock.lock().unwrap();
    lock
}

/// The key by which labctl logs in to all of them: an image knows the keys of its plan's users.
pub fn key() -> PathBuf {
    let key = folder().join("id_ed25519");
    let _lock = lock("key.lock");
    if !key.exists() {
        make_key(&key);
    }
    key
}

/// The image of a server to which this plan has been applied.
pub fn image(plan: &str) -> String {
    let base = done(&mut Command::new(script("image")));
    let image = format!("{IMAGES}:{}", &inputs(&base, plan)[..16]);
    let _lock = lock(&image.replace(':', "-"));
    let mut inspect = Command::new("docker");
    let found = inspect.args(["image", "inspect", &image]).output().unwrap();
    if !found.status.success() {
        let bench = Bench::with_key(plan, &key(), None);
        bench.apply();
        let mut save = Command::new(script("container"));
        done(save.args(["save", &bench.machine.name, &image]));
        prune();
    }
    image
}

/// The hash of all that an apply of this plan brings to an empty server.
fn inputs(base: &str, text: &str) -> String {
    let parsed = plan::parse("lab.yaml", text).unwrap();
    let workbench = parsed.plan.workbench.as_ref().unwrap();
    let desired = host::desired(&parsed.plan, workbench, &host::Inputs::default()).unwrap();
    let public_key = fs::read_to_string(key().with_extension("pub")).unwrap();
    let mut all = format!("{base}{text}{public_key}{desired:?}");
    let program = files_below("python/agent/agent");
    for file in files_below("src/host").into_iter().chain(program) {
        all.push_str(&digest::sha256_of(&fs::read(file).unwrap()));
    }
    digest::sha256(&all)
}

/// Removes the oldest images; Docker keeps those from which a server runs.
fn prune() {
    let mut list = Command::new("docker");
    let images = done(list.args([
        "image",
        "ls",
        "--format",
        "{{.Repository}}:{{.Tag}}",
        IMAGES,
    ]));
    for old in images.lines().skip(KEPT) {
        let _ = Command::new("docker").args(["image", "rm", old]).output();
    }
}

#[test]
fn applied_server_starts_with_nothing_left_to_do() {
    let bench = Bench::applied(SMALL);
    bench.labctl(&["plan", "--detailed-exitcode"]).ok();
    let page = bench.curl(&["--insecure", "https://lab.example.org/"]);
    assert!(page.contains("</html>"), "{page}");
}
