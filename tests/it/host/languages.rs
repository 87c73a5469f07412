//! Python and R for everyone, on a host that reaches nothing but its mirrors: on the path, as kernels, locked.

use serde_json::json;

use super::machine::{Bench, HUB, SMALL};
use super::mirror::{self, MIRROR};

const LIST: &str = "/var/cache/test-python/downloads.json";
const KERNELS: &str = "/usr/local/share/jupyter/kernels";

/// A host with two Pythons, R and JupyterHub.
struct Lab {
    bench: Bench,
    /// The version of the second Python.
    version: String,
}

#[test]
fn python_and_r_come_from_mirrors_and_go_again() {
    let lab = Lab::begin();
    lab.is_set_up();
    lab.reached_mirrors_only();
    lab.is_on_the_path();
    lab.runs_in_notebooks();
    lab.stays_locked();
    lab.refuses_what_does_not_exist();
    lab.leaves();
}

impl Lab {
    fn begin() -> Self {
        let bench = Bench::new(SMALL);
        let machine = &bench.machine;
        machine.sh("apt-get install -qq -y nftables >/dev/null");
        mirror::start(machine);
        mirror::serve_wheel(machine, "labpackage", "1.0");
        mirror::serve_r_package(machine, "labtools");
        // What the image brings along for other tests would be a way past the mirrors.
        machine.sh("sed -i '/index-url/d' /etc/pip.conf; rm -rf /root/.npm");
        let name = machine.sh(&format!(
            "python3 -c 'import json; print(*json.load(open(\"{LIST}\")))'"
        ));
        let version = name.split('-').nth(1).unwrap().to_owned();
        let languages = format!(
            "{SMALL}{HUB}  python: {{ version: [{version}, system], packages: [labpackage] }}
  r: {{ version: system }}
  mirrors:
    apt: {MIRROR}/debian
    pip: {MIRROR}/pypi/simple
    npm: {MIRROR}/npm
    cran: {MIRROR}/cran
    python: {MIRROR}/python/downloads.json
"
        );
        bench.lab.write("lab.yaml", &languages);
        mirror::close_the_world(machine);
        Self { bench, version }
    }

    fn sh(&self, line: &str) -> String {
        self.bench.machine.sh(line)
    }

    fn is_set_up(&self) {
        let ran = self.bench.apply();
        let tried = format!("in python3, python-{}, python-system, ir", self.version);
        ran.says(&["notebook of test-user", &tried]);
        let again = self.bench.labctl(&["apply", "--yes"]).ok();
        again.says(&["the server was as the plan says"]);
    }

    fn reached_mirrors_only(&self) {
        let asked = mirror::asked(&self.bench.machine);
        for path in [
            "GET /debian/dists/",
            "GET /debian-security/dists/",
            "GET /pypi/simple/jupyterhub/ 200",
            "GET /pypi/simple/uv/ 200",
            "GET /pypi/simple/labpackage/ 200",
            "GET /pypi/simple/ipykernel/ 200",
            "GET /npm/configurable-http-proxy/-/",
            "GET /python/downloads.json 200",
            "GET /python/cpython-",
        ] {
            assert!(asked.contains(path), "nobody asked for `{path}`:\n{asked}");
        }
    }

    fn is_on_the_path(&self) {
        let Self { version, .. } = self;
        let minor = version.rsplit_once('.').unwrap().0;
        // Who logs in has the plan's first.
        for (line, answer) in [
            ("su - guest -c 'python3 --version'".to_owned(), format!("Python {version}\n")),
            (
                "su - guest -c 'python3 -c \"import labpackage, sys; print(labpackage.version, sys.prefix)\"'".to_owned(),
                format!("1.0 /opt/python/{version}\n"),
            ),
            // Everybody has each by its version, and the system's own programs keep theirs.
            (format!("runuser -u guest -- python{minor} --version"), format!("Python {version}\n")),
            (format!("runuser -u guest -- python{version} --version"), format!("Python {version}\n")),
            ("runuser -u guest -- sh -c 'command -v python3'".to_owned(), "/usr/bin/python3\n".to_owned()),
            (
                "runuser -u guest -- /opt/python/system/bin/python -c 'import labpackage; print(labpackage.version)'".to_owned(),
                "1.0\n".to_owned(),
            ),
            // Somebody's own environment on top of it.
            (
                format!("su - guest -c 'python{minor} -m venv ~/own && ~/own/bin/pip --version' | cut -d' ' -f1"),
                "pip\n".to_owned(),
            ),
            ("su - guest -c \"R --version\" | head -1 | cut -d' ' -f1,2".to_owned(), "R version\n".to_owned()),
        ] {
            assert_eq!(self.sh(&line), answer, "{line}");
        }
        // R's packages come from the plan's repository, for everybody.
        let code = "lib <- tempfile(); dir.create(lib); install.packages(\"labtools\", lib = lib, quiet = TRUE); \
                    cat(labtools::answer())";
        let code = code.replace("labtools::", "loadNamespace(\"labtools\", lib)$");
        self.sh(&format!(
            "printf '%s' '{code}' >/tmp/try.R; chmod 644 /tmp/try.R"
        ));
        assert_eq!(
            self.sh("su - guest -c 'Rscript /tmp/try.R 2>/dev/null'"),
            "42"
        );
    }

    /// Besides the gate: what the kernels are called, and that they are those of everyone.
    fn runs_in_notebooks(&self) {
        let found = self.sh("/opt/jupyterhub/bin/jupyter kernelspec list --json");
        let found: serde_json::Value = serde_json::from_str(&found).unwrap();
        let title = |name: &str| found["kernelspecs"][name]["spec"]["display_name"].clone();
        assert_eq!(
            title(&format!("python-{}", self.version)),
            json!(format!("Python {}", self.version))
        );
        assert_eq!(title("python-system"), json!("Python (for everyone)"));
        assert_eq!(title("ir"), json!("R"));
    }

    fn stays_locked(&self) {
        let Self { bench, version } = self;
        let machine = &bench.machine;
        let lock = format!("cat /var/lib/labctl/locks/python-{version}.txt");
        let before = self.sh(&lock);
        assert!(before.contains("labpackage==1.0"), "{before}");
        assert!(before.contains("--hash=sha256:"), "{before}");
        // A newer version appears, and nobody asked for it.
        mirror::serve_wheel(machine, "labpackage", "1.1");
        mirror::serve_wheel(machine, "labother", "1.0");
        bench.labctl(&["plan", "--detailed-exitcode"]).ok();
        bench
            .lab
            .edit("packages: [labpackage]", "packages: [labpackage, labother]");
        let changes = bench.changes();
        assert_eq!(changes[&format!("/opt/python/{version}")], "update");
        assert!(
            !changes.keys().any(|path| path.starts_with("unit.")),
            "{changes:?}"
        );
        bench.apply();
        let after = self.sh(&lock);
        assert!(
            after.contains("labpackage==1.0") && after.contains("labother==1.0"),
            "{after}"
        );
        let ask = format!(
            "/opt/python/{version}/bin/python -c 'import labpackage; print(labpackage.version)'"
        );
        assert_eq!(self.sh(&ask), "1.0\n");
        // Now somebody does.
        bench
            .lab
            .edit("[labpackage, labother]", "[labpackage>=1.1, labother]");
        bench.apply();
        assert_eq!(self.sh(&ask), "1.1\n");
        let kept = self.sh("ls -d /opt/labctl/python-*");
        assert_eq!(kept.lines().count(), 2, "{kept}");
    }

    /// A package or a version that nobody has is found out before anything is switched.
    fn refuses_what_does_not_exist(&self) {
        let Self { bench, version } = self;
        let leads = || self.sh("readlink /opt/python/*");
        let before = leads();
        bench.lab.edit("labother]", "labother, labnothing]");
        let ran = bench.labctl(&["apply", "--yes"]).exits(1);
        ran.says(&["labnothing", "nothing was switched"]);
        bench.lab.edit(", labnothing]", "]");
        bench.lab.edit(
            &format!("[{version}, system]"),
            &format!("[{version}, 3.13.99, system]"),
        );
        let ran = bench.labctl(&["apply", "--yes"]).exits(1);
        ran.says(&[
            "Python 3.13.99 could not be downloaded",
            "nothing was switched",
        ]);
        assert_eq!(before, leads());
        bench.lab.edit(", 3.13.99,", ",");
        bench.labctl(&["plan", "--detailed-exitcode"]).ok();
    }

    fn leaves(&self) {
        let Self { bench, version } = self;
        let machine = &bench.machine;
        let hub = machine.started("jupyterhub.service");
        bench.lab.edit(&format!("[{version}, system]"), "[system]");
        bench.apply();
        assert_eq!(self.sh("ls /opt/python"), "system\n");
        assert_eq!(self.sh("ls /usr/local/bin | grep python || true"), "");
        let first = self.sh("su - guest -c 'python3 -c \"import sys; print(sys.prefix)\"'");
        assert_eq!(first, "/opt/python/system\n");
        let text = "  python: { version: [system], packages: [labpackage>=1.1, labother] }\n  r: { version: system }\n";
        bench.lab.edit(text, "");
        bench.apply();
        assert_eq!(self.sh("ls /opt/python"), "");
        assert_eq!(
            self.sh(&format!(
                "find {KERNELS} -type f; ls -d /opt/labctl/python-* 2>/dev/null || true"
            )),
            ""
        );
        let python = self.sh("su - guest -c 'command -v python3'");
        assert_eq!(python, "/usr/bin/python3\n");
        // R came with the system's packages, which stay, and reads Debian's settings again.
        let settings = self.sh("grep -c labctl /etc/R/Rprofile.site || true");
        assert_eq!(settings, "0\n");
        assert_eq!(machine.started("jupyterhub.service"), hub);
        // The lock is what makes it come back as it was.
        let lock = self.sh("cat /var/lib/labctl/locks/python-system.txt");
        assert!(lock.contains("labpackage==1.1"), "{lock}");
    }
}
