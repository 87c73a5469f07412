//! What a mirror, or somebody on the way to it, puts in the place of what labctl has locked.

use super::machine::{Bench, SMALL};
use super::mirror::{self, MIRROR};

const CHANGED: &str = "/srv/mirror/pypi";

/// Each is refused before anything of it has run, and nothing is switched.
#[test]
fn changed_files_of_mirrors_are_refused_by_name() {
    let bench = Bench::applied(SMALL);
    let machine = &bench.machine;
    mirror::start(machine);
    let plan = format!(
        "{SMALL}  python: {{ version: [system] }}
  mirrors: {{ pip: {MIRROR}/pypi/simple, npm: {MIRROR}/npm-changed }}
"
    );
    bench.lab.write("lab.yaml", &plan);
    let refused = |says: &[&str]| {
        bench.labctl(&["apply", "--yes"]).exits(1).says(says);
        machine.sh(
            "test ! -e /opt/python && test ! -e /opt/jupyterhub && test ! -e /opt/labctl/uv-cache",
        );
    };

    // The program that installs all others.
    machine.sh(&format!(
        "cp /var/cache/test-wheels/uv-*.whl {CHANGED}/
         for wheel in {CHANGED}/uv-*.whl; do printf x >>$wheel; done"
    ));
    refused(&[
        "/uv-",
        "is not what labctl has locked",
        "nothing was changed",
    ]);
    assert_eq!(machine.sh("ls /opt/labctl/tools 2>/dev/null || true"), "");
    machine.sh(&format!("rm {CHANGED}/uv-*"));

    // A package, alone and beside one that the server locks itself.
    mirror::serve_wheel(machine, "pip", "26.3");
    let pip = [
        "another file of `pip==26.3` than the one that is locked",
        "nothing was switched",
    ];
    refused(&pip);
    mirror::serve_wheel(machine, "labpackage", "1.0");
    bench
        .lab
        .edit("[system] }", "[system], packages: [labpackage] }");
    refused(&pip);
    machine.sh(&format!("rm {CHANGED}/pip-*"));

    // An index that is gone.
    bench.lab.edit(
        &format!("{MIRROR}/pypi/simple"),
        "http://127.0.0.1:9/simple",
    );
    refused(&[
        "the packages of `python-system`",
        "check that the server reaches its index",
    ]);
    bench.lab.edit(
        "http://127.0.0.1:9/simple",
        &format!("{MIRROR}/pypi/simple"),
    );

    // A package of Node; what the image brings along of them would be taken by its sum.
    machine.sh("rm -rf /root/.npm");
    bench
        .lab
        .edit("  mirrors:", "  jupyterhub: { path: /jupyter }\n  mirrors:");
    refused(&[
        "another file for `jupyterhub-proxy` than the one that is locked",
        "EINTEGRITY",
    ]);
}
