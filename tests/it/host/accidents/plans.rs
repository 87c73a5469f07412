//! Plans that somebody wrote to do harm: refused at their place, or data in every file.

use std::path::Path;
use std::process::Command;

use super::super::machine::SMALL;
use crate::support::Lab;

const VALUES: [&str; 14] = [
    "x\"; rm -rf /",
    "x'; rm -rf /; '",
    "two\nlines",
    "$(id)",
    "`id`",
    "{{ lab }}",
    "{% raw %}",
    "%n",
    "a;b",
    "a}b",
    "../../etc/passwd",
    "-rx",
    "#x",
    "\u{202e}x",
];

/// The small plan with one value written somewhere in its workbench.
fn with(field: &str, value: &str) -> String {
    let value = serde_json::to_string(value).unwrap();
    let plan = SMALL.replace("  domain: lab.example.org\n", "");
    let (plan, https) = plan.split_once("  https:").unwrap();
    let (_, users) = https.split_once('\n').unwrap();
    let https =
        |inside: &str| format!("{plan}  domain: lab.example.org\n  https: {inside}\n{users}");
    match field {
        "domain" => format!("{plan}  domain: {value}\n{users}"),
        "email" => https(&format!("{{ mode: lets-encrypt, email: {value} }}")),
        "directory" => https(&format!(
            "{{ mode: lets-encrypt, email: me@example.org, directory: {value} }}"
        )),
        "user" => https("{ mode: self-signed }").replace("name: guest", &format!("name: {value}")),
        "apt" | "pip" | "npm" | "cran" => {
            https("{ mode: self-signed }")
                + &format!("  mirrors: {{ {field}: {value} }}\n  jupyterhub: {{}}\n")
        }
        "python.packages" => {
            https("{ mode: self-signed }") + &format!("  python: {{ packages: [{value}] }}\n")
        }
        "packages" => {
            https("{ mode: self-signed }") + &format!("  jupyterhub: {{ packages: [{value}] }}\n")
        }
        _ => https("{ mode: self-signed }") + &format!("  jupyterhub: {{ {field}: {value} }}\n"),
    }
}

/// Refused with its line and column, and with nothing of it that steers a terminal.
#[track_caller]
fn assert_refused(lab: &Lab, field: &str, value: &str) {
    let plan = with(field, value);
    lab.write("lab.yaml", &plan);
    let ran = lab.labctl(&["render", "--out", "out"]).exits(1);
    let written = serde_json::to_string(value).unwrap();
    let line = plan
        .lines()
        .position(|line| line.contains(&written))
        .unwrap()
        + 1;
    assert!(
        ran.stderr.contains(&format!("lab.yaml:{line}:")),
        "{field}: {ran}"
    );
    assert!(!ran.stderr.contains('\u{202e}'), "{field}: {ran}");
    assert!(!lab.folder.join("out").exists());
}

#[test]
fn what_could_mean_something_to_a_file_is_refused_at_its_place() {
    let lab = Lab::offline();
    let fields = [
        "domain",
        "user",
        "path",
        "packages",
        "python.packages",
        "apt",
        "pip",
        "npm",
        "cran",
        "email",
        "directory",
        "memory_limit",
        "cpu_limit",
        "idle_timeout",
    ];
    for field in fields {
        for value in VALUES {
            assert_refused(&lab, field, value);
        }
    }
    for value in [
        "x\"; rm -rf /",
        "two\nlines",
        "$(id)",
        "{{ lab }}",
        "`id`",
        "a}b",
        "\u{202e}x",
    ] {
        for field in ["apt", "pip", "npm", "cran", "directory"] {
            assert_refused(&lab, field, &format!("https://example.org/{value}"));
        }
        assert_refused(&lab, "path", &format!("/{value}"));
    }
    let options = [
        "numpy; rm -rf /",
        "--index-url=http://evil",
        "-r /etc/passwd",
        "git+https://example.org/x",
        "numpy --index-url=http://evil",
        "numpy\n--index-url=http://evil",
        "/etc/passwd",
        "./x",
        "file:///x",
        "numpy # x",
        "numpy \\",
    ];
    for value in options {
        assert_refused(&lab, "packages", value);
        assert_refused(&lab, "python.packages", value);
    }
    // Users of the system, and the one whom labctl itself logs in as.
    for name in ["root", "www-data", "ubuntu", "sudo", "labctl", "nobody"] {
        assert_refused(&lab, "user", name);
    }
    assert_refused(&lab, "path", "/.labctl/config");
}

/// Renders, and lets the programs that will read the files say what they think of them.
#[track_caller]
fn assert_rendered(lab: &Lab, field: &str, value: &str) {
    lab.write("lab.yaml", &with(field, value));
    lab.labctl(&["render", "--out", "out"]).ok();
    let at = |path: &str| lab.folder.join("out").join(path);
    let check = |program: &str, arguments: &[&str], path: &Path| {
        let mut command = Command::new(program);
        let output = command.args(arguments).arg(path).output().unwrap();
        assert!(output.status.success(), "{field}: `{value}`: {output:?}");
    };
    let is_json = "import json, sys; json.load(open(sys.argv[1]))";
    check(
        "python3",
        &["-c", is_json],
        &at("etc/labctl/certificate.json"),
    );
    let hub = at("etc/jupyterhub/jupyterhub_config.py");
    if hub.exists() {
        let compiles = "import sys; compile(open(sys.argv[1]).read(), 'hub', 'exec')";
        check("python3", &["-c", compiles], &hub);
    }
    std::fs::remove_dir_all(lab.folder.join("out")).unwrap();
}

#[test]
fn what_is_odd_and_harmless_stays_what_it_is() {
    let lab = Lab::offline();
    for (field, value) in [
        ("path", "/a.b~c"),
        ("path", "/-/_"),
        ("path", "/~a/b"),
        ("email", "o'x@example.org"),
        ("email", "{x}%n|&!#=?^`@example.org"),
        ("directory", "https://example.org/%n?a=b&c=%7B"),
        ("pip", "https://example.org/%n?a=b&c"),
        ("packages", "x>=1,<2; python_version < '3.13'"),
        ("packages", "x @ https://example.org/%n.whl"),
    ] {
        let accepted = {
            lab.write("lab.yaml", &with(field, value));
            lab.labctl(&["validate"]).code == 0
        };
        match accepted {
            true => assert_rendered(&lab, field, value),
            false => assert_refused(&lab, field, value),
        }
    }
    assert_rendered(&lab, "path", "/a.b~c");
    let text = with("path", "/~a/b");
    lab.write("lab.yaml", &text);
    lab.labctl(&["render", "--out", "out"]).ok();
    let nginx = lab.read("out/etc/nginx/nginx.conf");
    assert!(nginx.contains("location /~a/b/ {"), "{nginx}");
}
