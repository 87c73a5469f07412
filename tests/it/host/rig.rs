//! R by rig: a stand-in for rig, which no test can download, installs the distribution's R as rig would. What is under
//! test is what labctl does with it: settings, a library, a kernel.

use super::machine::{Bench, HUB, SMALL};
use super::mirror::{self, MIRROR};

/// Makes of Debian's packages what Posit's package manager has: archives of installed packages.
const BINARIES: &str = "set -e; export DEBIAN_FRONTEND=noninteractive
    apt-get update -qq; apt-get install -qq -y --no-install-recommends r-cran-irkernel >/dev/null
    mkdir -p /srv/mirror/cran/src/contrib; cd /usr/lib/R/site-library
    for name in *; do
        version=$(sed -n 's/^Version: *//p' $name/DESCRIPTION)
        tar -czf /srv/mirror/cran/src/contrib/${name}_$version.tar.gz $name
    done
    Rscript -e 'tools::write_PACKAGES(\"/srv/mirror/cran/src/contrib\", type = \"source\")' >/dev/null
    apt-get purge -qq -y 'r-cran-*' >/dev/null; chmod -R a+rX /srv/mirror
    ! ls -d /usr/lib/R/site-library/IRkernel 2>/dev/null";

#[test]
fn r_comes_by_rig_and_goes_again() {
    let bench = Bench::applied(&format!("{SMALL}{HUB}"));
    let machine = &bench.machine;
    mirror::start(machine);
    machine.sh(BINARIES);
    let rig = mirror::serve_package(machine, "r-rig", "1.0");
    let section = format!(
        "  r: {{ version: 9.9.9 }}
  mirrors:
    cran: {MIRROR}/cran
    rig: {{ url: {}, sha256: {} }}
",
        rig.url, rig.sha256
    );
    bench
        .lab
        .write("lab.yaml", &format!("{SMALL}{HUB}{section}"));
    let ran = bench.labctl(&["apply", "--yes"]).exits(1);
    ran.says(&[
        "rig could not install R 9.9.9",
        "Failed to resolve R version",
        "nothing was switched",
    ]);
    assert!(!machine.try_sh("test -e /opt/labctl-r").status.success());

    bench.lab.edit("version: 9.9.9", "version: release");
    bench
        .apply()
        .says(&["notebook of test-user", "in python3, ir"]);
    bench
        .labctl(&["apply", "--yes"])
        .ok()
        .says(&["the server was as the plan says"]);
    let version = machine.sh("ls /opt/R");
    let version = version.trim();
    let leads = machine.sh("readlink /opt/labctl-r/bin/R; readlink /usr/local/bin/R");
    let program = format!("/opt/R/{version}/bin/R\n");
    assert_eq!(leads, program.repeat(2));
    let ask =
        "su - guest -c \"R --no-echo --no-save -e 'cat(R.home(), getOption(\\\"repos\\\"))'\"";
    assert_eq!(
        machine.sh(ask),
        format!("/opt/R/{version}/lib/R {MIRROR}/cran")
    );
    let asked = mirror::asked(machine);
    assert!(asked.contains("GET /cran/src/contrib/IRkernel_"), "{asked}");

    bench.lab.edit("  r: { version: release }\n", "");
    bench.apply();
    let left = machine.sh(
        "ls -d /opt/labctl-r /opt/labctl/r-* /etc/labctl/Rprofile.site 2>/dev/null || true; \
         find /usr/local/share/jupyter -type f",
    );
    assert_eq!(left, "");
    machine.sh(&format!("/opt/R/{version}/bin/R --version"));
}
