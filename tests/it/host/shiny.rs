//! A Shiny app of the laptop on the server: brought, run, changed by one file, taken away.

use super::counts;
use super::machine::{self, Bench, SMALL};
use super::mirror::{self, Served};

/// The folder's name in the plan, and the app of it.
const PYTHON: &str = "  shiny: { path: /penguins, app: app, language: python }\n";
const R: &str = "  shiny: { path: /penguins, app: app, language: r }\n";
const SHINY_SERVER: &str = "shiny-server.service";
const UNIT: &str = "shiny-app.service";
const PAGE: &str = "https://lab.example.org/penguins/";

/// A lab of the small plan with the example's app in the folder `app`, on a server with another plan.
fn bench(plan: &str, example: &str, section: &str) -> Bench {
    let bench = Bench::applied(plan);
    bench.lab.write("lab.yaml", &format!("{SMALL}{section}"));
    let examples = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/penguins");
    for entry in std::fs::read_dir(examples.join(example)).unwrap() {
        let place = entry.unwrap().path();
        let name = place.file_name().unwrap().to_str().unwrap();
        bench.lab.write(
            &format!("app/{name}"),
            &std::fs::read_to_string(&place).unwrap(),
        );
    }
    bench
}

fn page(bench: &Bench) -> String {
    bench.curl(&[
        "--insecure",
        "--fail",
        "--location",
        PAGE.trim_end_matches('/'),
    ])
}

#[test]
fn an_app_in_python_comes_changes_and_goes() {
    let mut bench = bench(SMALL, "app", PYTHON);
    taken_port(&bench);
    // A folder of the laptop changes nothing about how often labctl goes there.
    counts::first_apply_is_two_commands(&mut bench);
    counts::no_change_is_one_command(&mut bench);
    assert!(page(&bench).contains("Penguin mass predictor"));
    is_shut_in(&bench, "app.py");
    has_no_rights(&bench);
    has_a_name_of_its_own(&bench);
    takes_files_but_not_of_any_size(&bench);
    one_file(&bench);
    broken_app(&bench);
    bench.machine.reboot();
    bench.machine.sh(
        "for try in $(seq 300); do curl -sf -o /dev/null http://127.0.0.1:484/ && exit; sleep 0.2; done; exit 1",
    );
    bench.labctl(&["plan", "--detailed-exitcode"]).ok();
    bench.lab.edit(PYTHON, "");
    bench.apply();
    let left = bench.machine.sh(
        "ls -d /opt/shiny* /opt/labctl/shiny* /etc/systemd/system/shiny* 2>/dev/null; ss -Hltn '( sport = 484 )'",
    );
    assert_eq!(left, "");
    let gone = [
        "--insecure",
        "--output",
        "/dev/null",
        "--write-out",
        "%{http_code}",
        PAGE,
    ];
    assert_eq!(bench.curl(&gone), "404");
}

/// An app in R: by a unit of its own, by Shiny Server, and by the unit again.
#[test]
fn an_app_in_r_comes_moves_to_shiny_server_and_goes() {
    // R is there already, as an earlier plan has left it.
    let bench = bench(&format!("{SMALL}{}", machine::R), "app-r", R);
    let machine = &bench.machine;
    let ran = bench.apply();
    ran.says(&["✓ Shiny app 200", "websocket in", PAGE]);
    assert!(page(&bench).contains("Penguin mass predictor"));
    is_shut_in(&bench, "app.R");

    mirror::start(machine);
    let first = mirror::serve_package(machine, "shiny-server", "1.5.22");
    refuses_another_sum(&bench, &first);
    stops_what_listens_everywhere(&bench);
    moves_to_shiny_server(&bench, &first);
    is_the_only_app(&bench);
    shows_why_an_app_does_not_start(&bench);
    takes_a_newer_package(&bench, &first);
    leaves_shiny_server(&bench);
}

/// The lab's plan with this package of Shiny Server.
fn give(bench: &Bench, served: &Served) {
    let Served { url, sha256 } = served;
    let mirrors = format!("  mirrors: {{ shiny_server: {{ url: {url}, sha256: {sha256} }} }}\n");
    bench.lab.write("lab.yaml", &format!("{SMALL}{R}{mirrors}"));
}

fn refuses_another_sum(bench: &Bench, right: &Served) {
    let wrong = Served {
        url: right.url.clone(),
        sha256: "0".repeat(64),
    };
    give(bench, &wrong);
    let ran = bench.labctl(&["apply", "--yes"]).exits(1);
    ran.says(&[
        &right.sha256,
        "`sha256` under `mirrors`",
        "nothing was changed",
    ]);
    assert!(bench.machine.is_active(UNIT));
    let package = bench.machine.try_sh("dpkg-query --show shiny-server");
    assert!(!package.status.success());
}

/// What the world could reach past NGINX does not stay, and the app goes on as it was.
fn stops_what_listens_everywhere(bench: &Bench) {
    let broken = mirror::serve_package(&bench.machine, "shiny-server", "1.5.21broken");
    give(bench, &broken);
    let ran = bench.labctl(&["apply", "--yes"]).exits(1);
    ran.says(&[
        "services listen on this host only",
        "port 484 is open on 0.0.0.0",
        "was put back, and is live again",
    ]);
    assert!(!bench.machine.is_active(SHINY_SERVER));
    assert!(page(bench).contains("Penguin mass predictor"));
}

fn moves_to_shiny_server(bench: &Bench, served: &Served) {
    let machine = &bench.machine;
    give(bench, served);
    let text = bench.labctl(&["plan"]).ok();
    text.says(&["package.shiny-server", &format!("from {}", served.url)]);
    let ran = bench.apply();
    ran.says(&["✓ Shiny app by Shiny Server 200", "websocket in"]);
    assert!(page(bench).contains("Penguin mass predictor"));
    assert!(machine.is_active(SHINY_SERVER) && !machine.is_active(UNIT));
    let listening = machine.sh("ss -Hltn '( sport = 484 )' | awk '{print $4}'");
    assert_eq!(listening, "127.0.0.1:484\n");
    let version = machine.sh("dpkg-query --show --showformat '${Version}' shiny-server");
    assert_eq!(version, "1.5.22");
}

/// It runs as its own user, finds what the unit would tell it, and the vendor's examples are not there.
fn is_the_only_app(bench: &Bench) {
    let machine = &bench.machine;
    page(bench);
    let seen = "for pid in $(pgrep -u labctl-shiny -f adapter.R); do tr '\\0' '\\n' </proc/$pid/environ; done";
    let environment = machine.sh(seen);
    assert!(
        environment.contains("HOME=/var/lib/shiny-app\n"),
        "{environment}"
    );
    let sample = bench.curl(&[
        "--insecure",
        "--output",
        "/dev/null",
        "--write-out",
        "%{http_code}",
        "https://lab.example.org/penguins/sample-apps/hello/",
    ]);
    assert_eq!(sample, "404");
    bench
        .labctl(&["logs", "shiny"])
        .ok()
        .says(&["Starting listener on http://127.0.0.1:484"]);
}

/// Shiny Server runs on where its app does not: the gate tells, with the app's last words.
fn shows_why_an_app_does_not_start(bench: &Bench) {
    let good = bench.lab.read("app/app.R");
    bench.lab.write("app/app.R", "stop('no penguins today')\n");
    let ran = bench.labctl(&["apply", "--yes"]).exits(1);
    ran.says(&[
        "Shiny Server could not start the app",
        "no penguins today",
        "was put back, and is live again",
    ]);
    assert!(page(bench).contains("Penguin mass predictor"));
    bench.lab.write("app/app.R", &good);
    bench.labctl(&["plan", "--detailed-exitcode"]).ok();
}

fn takes_a_newer_package(bench: &Bench, first: &Served) {
    let machine = &bench.machine;
    let started = [SHINY_SERVER, "nginx.service"].map(|unit| machine.started(unit));
    let second = mirror::serve_package(machine, "shiny-server", "1.5.23");
    bench.lab.edit(&first.url, &second.url);
    bench.lab.edit(&first.sha256, &second.sha256);
    assert_eq!(bench.changes()["package.shiny-server"], "update");
    bench.apply();
    let now = [SHINY_SERVER, "nginx.service"].map(|unit| machine.started(unit));
    assert!(
        started[0] != now[0] && started[1] == now[1],
        "{started:?} {now:?}"
    );
}

/// Without the package the app is a unit again; without the app there is neither.
fn leaves_shiny_server(bench: &Bench) {
    let machine = &bench.machine;
    bench.lab.write("lab.yaml", &format!("{SMALL}{R}"));
    bench.apply().says(&["✓ Shiny app 200"]);
    assert!(machine.is_active(UNIT) && !machine.is_active(SHINY_SERVER));
    bench.lab.edit(R, "");
    bench.apply();
    let left = machine.sh(
        "ls -d /opt/shiny-app* /opt/labctl/shiny* /etc/systemd/system/shiny-app* /usr/local/lib/labctl/shiny-r \
             /etc/systemd/system/shiny-server.service.d/labctl.conf 2>/dev/null; \
         grep -ls labctl /etc/shiny-server/shiny-server.conf; ss -Hltn '( sport = 484 )'; \
         systemctl is-enabled shiny-server.service | grep -v disabled; true",
    );
    assert_eq!(left, "");
}

/// Somebody else's port is seen before anything is changed.
fn taken_port(bench: &Bench) {
    bench
        .machine
        .sh("systemd-run --quiet --unit squatter python3 -m http.server 484 --bind 127.0.0.1");
    let ran = bench.labctl(&["apply", "--yes"]).exits(1);
    ran.says(&[
        "port 484 on the server is taken by `python3` (`squatter.service`); shiny-app needs it",
        "sudo systemctl disable --now squatter.service",
    ]);
    bench
        .machine
        .sh("systemctl stop squatter; test ! -e /opt/shiny-app");
}

/// It runs as nobody who could harm, for this host alone, and nobody else reads its folder.
fn is_shut_in(bench: &Bench, file: &str) {
    let machine = &bench.machine;
    let user = machine.sh(&format!(
        "ps -o user:20= -p $(systemctl show -p MainPID --value {UNIT})"
    ));
    assert_eq!(user.trim(), "labctl-shiny");
    let listening = machine.sh("ss -Hltn '( sport = 484 )' | awk '{print $4}'");
    assert_eq!(listening, "127.0.0.1:484\n");
    let denied = machine.try_sh(&format!("runuser -u guest -- cat /opt/shiny-app/{file}"));
    assert!(!denied.status.success(), "{denied:?}");
}

/// No capability but that to listen on a port below 1024 (capabilities(7): number 10), nothing to write to, no new rights,
/// and a share of the server: of a process of the real unit.
fn has_no_rights(bench: &Bench) {
    let machine = &bench.machine;
    let pid = machine.sh(&format!("systemctl show -p MainPID --value {UNIT}"));
    let pid = pid.trim();
    let status = machine.sh(&format!("cat /proc/{pid}/status"));
    for line in ["CapBnd:\t0000000000000400", "NoNewPrivs:\t1", "Seccomp:\t2"] {
        assert!(status.contains(line), "{line}: {status}");
    }
    for place in [
        "/opt/shiny-app/x",
        "/etc/x",
        "/usr/x",
        "/home/x",
        "/var/www/x",
    ] {
        let write = machine.try_sh(&format!("nsenter --target {pid} --mount -- touch {place}"));
        assert!(!write.status.success(), "{place}");
    }
    let limits = machine.sh(&format!("systemctl show -p TasksMax -p MemoryMax {UNIT}"));
    assert!(
        limits.contains("TasksMax=512\n") && !limits.contains("infinity"),
        "{limits}"
    );
}

/// The app at a name of its own shares its origin with nobody, and the lab's name does not have it any more.
fn has_a_name_of_its_own(bench: &Bench) {
    let named = PYTHON.replace("path:", "host: app.example.org, path:");
    bench.lab.edit(PYTHON, &named);
    let warned = bench.labctl(&["validate"]).ok();
    warned.says(&["labctl makes no record for `app.example.org`"]);
    bench
        .apply()
        .says(&["✓ Shiny app 200", "https://app.example.org/penguins/"]);
    let status = |url: &str| {
        let options = [
            "--insecure",
            "--output",
            "/dev/null",
            "--write-out",
            "%{http_code}",
        ];
        bench.curl(&[&options[..], &[url]].concat())
    };
    assert_eq!(status("https://app.example.org/penguins/"), "200");
    assert_eq!(status("https://app.example.org/"), "302");
    assert_eq!(status("https://app.example.org/index.html"), "404");
    assert_eq!(status(PAGE), "404");
    assert_eq!(status("https://lab.example.org/"), "200");
    assert_eq!(status("http://app.example.org/penguins/"), "301");
    bench.lab.edit(&named, PYTHON);
    bench.apply();
}

/// Apps take files; what is too large never reaches them.
fn takes_files_but_not_of_any_size(bench: &Bench) {
    let chunked = ["--header", "Transfer-Encoding: chunked"];
    assert_eq!(bench.post(PAGE, "", 40_000_000, &[]), "413");
    // It has no such form: it refuses, or closes while NGINX still sends. Of a body that does not say how large it is,
    // it may do so before NGINX has counted to the limit.
    for (bytes, more, others) in [
        (30_000_000, &[][..], &["404", "502"][..]),
        (30_000_000, &chunked, &["404", "502"]),
        (40_000_000, &chunked, &["404", "413", "502"]),
    ] {
        let status = bench.post(PAGE, "", bytes, more);
        assert!(others.contains(&status.as_str()), "{bytes}: {status}");
    }
}

/// A change of one file sends that folder and restarts that unit, and nothing else.
fn one_file(bench: &Bench) {
    let (machine, lab) = (&bench.machine, &bench.lab);
    let others = || ["nginx.service", "ssh.service"].map(|unit| machine.started(unit));
    let (before, app) = (others(), machine.started(UNIT));
    let text = lab
        .read("app/app.py")
        .replace("Penguin mass predictor", "Heavy penguins");
    lab.write("app/app.py", &text);
    let changes: Vec<_> = bench.changes().into_keys().collect();
    assert_eq!(changes, ["/opt/shiny-app", "unit.shiny-app.service"]);
    bench
        .apply()
        .says(&["✓ Shiny app 200", "websocket in", PAGE]);
    assert_eq!(before, others());
    assert_ne!(app, machine.started(UNIT));
    assert!(page(bench).contains("Heavy penguins"));
    // The folder of before is not kept.
    assert_eq!(machine.sh("ls -d /opt/labctl/shiny-app-* | wc -l"), "1\n");
}

/// An app that does not start is taken back, and its last words are shown.
fn broken_app(bench: &Bench) {
    let good = bench.lab.read("app/app.py");
    bench
        .lab
        .write("app/app.py", "raise SystemExit('no penguins today')\n");
    let ran = bench.labctl(&["apply", "--yes"]).exits(1);
    ran.says(&["no penguins today", "was put back, and is live again"]);
    assert!(page(bench).contains("Heavy penguins"));
    bench.lab.write("app/app.py", &good);
    bench.labctl(&["plan", "--detailed-exitcode"]).ok();
}
