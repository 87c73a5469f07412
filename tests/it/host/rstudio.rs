//! RStudio Server: from its package behind NGINX, through wrong sums and taken ports, to its end. The package stands in
//! for the vendor's, which no test can download.

use super::machine::{Bench, Machine, R, SMALL};
use super::mirror::{self, Served};

const UNIT: &str = "rstudio-server.service";
const PAGE: &str = "https://lab.example.org/rstudio/auth-sign-in";
/// What an apply that changes nothing leaves as it is.
const STATE: &str =
    "ls -d /etc/rstudio 2>/dev/null; sha256sum /etc/nginx/nginx.conf /var/lib/labctl/manifest.json";

fn section(served: &Served) -> String {
    let Served { url, sha256 } = served;
    format!(
        "{R}  rstudio: {{ path: /rstudio }}\n  mirrors: {{ rstudio: {{ url: {url}, sha256: {sha256} }} }}\n"
    )
}

#[test]
fn rstudio_comes_from_its_package_and_goes_again() {
    let bench = Bench::applied(&format!("{SMALL}{R}"));
    mirror::start(&bench.machine);
    let first = mirror::serve_package(&bench.machine, "rstudio-server", "2025.9.1");
    refuses_another_sum(&bench, &first);
    refuses_a_taken_port(&bench);
    stops_what_listens_everywhere(&bench, &first);
    is_set_up(&bench, &first);
    signs_in_whom_the_plan_names(&bench);
    takes_large_bodies_from_the_signed_in_only(&bench);
    slows_who_guesses(&bench.machine);
    restarts_for_its_own_inputs_only(&bench, &first);
    leaves(&bench);
}

fn refuses_another_sum(bench: &Bench, right: &Served) {
    let wrong = Served {
        url: right.url.clone(),
        sha256: "0".repeat(64),
    };
    bench
        .lab
        .write("lab.yaml", &format!("{SMALL}{}", section(&wrong)));
    let before = bench.machine.sh(STATE);
    let ran = bench.labctl(&["apply", "--yes"]).exits(1);
    ran.says(&[
        &right.sha256,
        "0000000",
        "`sha256` under `mirrors`",
        "nothing was changed",
    ]);
    assert_eq!(bench.machine.sh(STATE), before);
    let packages = bench.machine.try_sh("dpkg-query --show rstudio-server");
    assert!(!packages.status.success());
    bench.lab.edit(&wrong.sha256, &right.sha256);
}

fn refuses_a_taken_port(bench: &Bench) {
    let machine = &bench.machine;
    machine.sh("systemd-run --quiet --unit=squatter python3 -m http.server 483 && \
         for try in $(seq 100); do curl -sf -o /dev/null http://127.0.0.1:483/ && exit; sleep 0.1; done; exit 1");
    let before = machine.sh(STATE);
    let ran = bench.labctl(&["apply", "--yes"]).exits(1);
    ran.says(&[
        "port 483 on the server is taken by `python3`",
        "squatter.service",
        "rstudio-server needs it",
    ]);
    assert_eq!(machine.sh(STATE), before);
    machine.sh("systemctl stop squatter.service");
}

/// A service that the world could reach past NGINX does not stay.
fn stops_what_listens_everywhere(bench: &Bench, right: &Served) {
    let broken = mirror::serve_package(&bench.machine, "rstudio-server", "2025.9.0broken");
    bench
        .lab
        .write("lab.yaml", &format!("{SMALL}{}", section(&broken)));
    let ran = bench.labctl(&["apply", "--yes"]).exits(1);
    ran.says(&[
        "services listen on this host only",
        "port 483 is open on 0.0.0.0",
    ]);
    assert!(!bench.machine.is_active(UNIT));
    let enabled = bench
        .machine
        .try_sh(&format!("systemctl is-enabled {UNIT}"));
    assert!(!enabled.status.success(), "{enabled:?}");
    bench
        .lab
        .write("lab.yaml", &format!("{SMALL}{}", section(right)));
}

fn is_set_up(bench: &Bench, served: &Served) {
    let plan = bench.host_plan().to_string();
    assert!(plan.contains("package.rstudio-server"), "{plan}");
    let text = bench.labctl(&["plan"]).ok();
    text.says(&["package.rstudio-server", &format!("from {}", served.url)]);
    let ran = bench.apply();
    ran.says(&["RStudio sign-in page", "services listen on this host only"]);
    let again = bench.labctl(&["apply", "--yes"]).ok();
    again.says(&["the server was as the plan says"]);
    let machine = &bench.machine;
    let version = machine.sh("dpkg-query --show --showformat '${Version}' rstudio-server");
    assert_eq!(version, "2025.9.1");
    let ports = machine.sh("ss -Hltn '( sport = 483 )'");
    assert!(
        ports.contains("127.0.0.1:483") && !ports.contains("0.0.0.0:483"),
        "{ports}"
    );
    let page = bench.curl(&["--insecure", PAGE]);
    assert!(page.contains("RStudio Sign In"), "{page}");
    // Whatever the server behind redirects to is under its path.
    let address = ["--write-out", "%{url_effective}", "--output", "/dev/null"];
    let address = [
        &["--insecure", "--location"],
        &address[..],
        &["https://lab.example.org/rstudio"],
    ];
    assert_eq!(bench.curl(&address.concat()), PAGE);
    let landing = bench.curl(&["--insecure", "https://lab.example.org/"]);
    assert!(landing.contains("<h2>RStudio</h2>"), "{landing}");
    machine.sh("grep -qx www-root-path=/rstudio /etc/rstudio/rserver.conf; R --version");
}

fn signs_in_whom_the_plan_names(bench: &Bench) {
    // As in JupyterHub: a password alone does not let anybody in.
    bench
        .machine
        .sh("printf 'test-user:right\\nubuntu:right\\n' | chpasswd");
    for (user, password, answer) in [
        ("test-user", "right", "signed in: True, secure: True\n"),
        ("test-user", "wrong", "signed in: False, secure: True\n"),
        ("ubuntu", "right", "signed in: False, secure: True\n"),
    ] {
        let fields = format!("username={user}&password={password}");
        let form = "https://lab.example.org/rstudio/auth-do-sign-in";
        assert_eq!(
            bench.curl(&["--insecure", "--data", &fields, form]),
            answer,
            "{user}"
        );
    }
}

/// Of strangers 100 kB, of whom has a cookie 16 MiB, and more only where RStudio hands it on while it comes.
fn takes_large_bodies_from_the_signed_in_only(bench: &Bench) {
    const CHUNKED: [&str; 2] = ["--header", "Transfer-Encoding: chunked"];
    const COOKIE: [&str; 2] = ["--cookie", "other=1; user-id=test-user"];
    const EMPTY: [&str; 2] = ["--cookie", "not-user-id=1; user-id="];
    // What stands in for RStudio answers 403 to whatever is no sign-in.
    for (path, bytes, more, answer) in [
        ("auth-do-sign-in", 99_000, &[][..], "200"),
        ("auth-do-sign-in", 200_000, &[], "413"),
        ("auth-do-sign-in", 200_000, &CHUNKED, "413"),
        ("upload", 200_000, &[], "413"),
        ("upload", 200_000, &EMPTY, "413"),
        ("upload", 200_000, &CHUNKED, "413"),
        ("upload", 60_000_000, &COOKIE, "403"),
        ("rpc/save_document", 200_000, &[], "413"),
        ("rpc/save_document", 15_000_000, &COOKIE, "403"),
        ("rpc/save_document", 20_000_000, &COOKIE, "413"),
    ] {
        let url = format!("https://lab.example.org/rstudio/{path}");
        let form = "username=test-user&password=right&more=";
        let status = bench.post(&url, form, bytes, more);
        assert_eq!(status, answer, "{path} with {bytes} bytes and {more:?}");
    }
}

/// A class comes in, and who tries more is refused, however the address of the form is written.
fn slows_who_guesses(machine: &Machine) {
    let tries = machine.sh(
        "for path in auth-do-sign-in auth-do-sign-in/ auth%2Ddo-sign-in '/auth-do-sign-in?x'; do \
         seq 35 | xargs -P 8 -I @ curl -sk --path-as-is --interface 127.0.0.9 -H 'Host: lab.example.org' \
         -o /dev/null -w '%{http_code}\n' \"https://127.0.0.1/rstudio/$path\"; done | sort | uniq -c",
    );
    let refused = tries.lines().find(|line| line.ends_with(" 429"));
    let refused = refused.and_then(|line| line.split_whitespace().next());
    let refused: u32 = refused.unwrap_or_default().parse().unwrap_or_default();
    assert!((20..=40).contains(&refused), "{tries}");
}

fn restarts_for_its_own_inputs_only(bench: &Bench, first: &Served) {
    let machine = &bench.machine;
    let started = machine.started(UNIT);
    let nginx = machine.started("nginx.service");
    bench.lab.edit(
        "    - { name: guest }\n",
        "    - { name: guest }\n    - { name: third }\n",
    );
    bench.apply();
    assert_eq!(machine.started(UNIT), started, "a user is no reason");
    let second = mirror::serve_package(machine, "rstudio-server", "2025.9.2");
    bench.lab.edit(&first.url, &second.url);
    bench.lab.edit(&first.sha256, &second.sha256);
    assert_eq!(bench.changes()["package.rstudio-server"], "update");
    bench.apply();
    let now = machine.started(UNIT);
    assert_ne!(now, started, "a newer package is");
    assert_eq!(machine.started("nginx.service"), nginx);
    bench.lab.edit("path: /rstudio ", "path: /r/studio ");
    bench.apply();
    assert_ne!(machine.started(UNIT), now);
    let page = bench.curl(&[
        "--insecure",
        "https://lab.example.org/r/studio/auth-sign-in",
    ]);
    assert!(page.contains("RStudio Sign In"), "{page}");
}

fn leaves(bench: &Bench) {
    let machine = &bench.machine;
    machine.sh("runuser -u test-user -- sh -c 'echo mine >~/kept.R'");
    bench.lab.edit("  rstudio: { path: /r/studio }\n", "");
    bench.apply();
    assert!(!machine.is_active(UNIT));
    assert!(
        !machine
            .try_sh(&format!("systemctl is-enabled {UNIT}"))
            .status
            .success()
    );
    assert_eq!(machine.sh("ss -Hltn '( sport = 483 )'"), "");
    let ours = machine.sh("grep -ls labctl /etc/rstudio/rserver.conf /etc/pam.d/rstudio || true");
    assert_eq!(ours, "");
    assert_eq!(machine.sh("cat /home/test-user/kept.R"), "mine\n");
    let code = [
        "--output",
        "/dev/null",
        "--write-out",
        "%{http_code}",
        "--insecure",
    ];
    let code = [&code[..], &["https://lab.example.org/r/studio/"]].concat();
    assert_eq!(bench.curl(&code), "404");
}
