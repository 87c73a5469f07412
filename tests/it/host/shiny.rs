//! A Shiny app of the laptop on the server: brought, run, changed by one file, taken away.

use super::machine::{Bench, SMALL};

/// The folder's name in the plan, and the app of it.
const PYTHON: &str = "  shiny: { path: /penguins, app: app, language: python }\n";
const UNIT: &str = "shiny-app.service";
const PAGE: &str = "https://lab.example.org/penguins/";

/// A lab of the small plan with the example's app in the folder `app`.
fn bench(example: &str, section: &str) -> Bench {
    let bench = Bench::new(&format!("{SMALL}{section}"));
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
    let bench = bench("app", PYTHON);
    taken_port(&bench);
    let ran = bench.apply();
    ran.says(&["✓ Shiny app 200", "websocket in", PAGE]);
    assert!(page(&bench).contains("Penguin mass predictor"));
    is_shut_in(&bench);
    one_file(&bench);
    broken_app(&bench);
    bench.machine.reboot();
    bench.machine.sh(
        "for try in $(seq 300); do curl -sf -o /dev/null http://127.0.0.1:3838/ && exit; sleep 0.2; done; exit 1",
    );
    bench.labctl(&["plan", "--detailed-exitcode"]).ok();
    bench.lab.edit(PYTHON, "");
    bench.apply();
    let left = bench.machine.sh(
        "ls -d /opt/shiny* /opt/labctl/shiny* /etc/systemd/system/shiny* 2>/dev/null; ss -Hltn '( sport = 3838 )'",
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

/// Somebody else's port is seen before anything is changed.
fn taken_port(bench: &Bench) {
    bench
        .machine
        .sh("systemd-run --quiet --unit squatter python3 -m http.server 3838 --bind 127.0.0.1");
    let ran = bench.labctl(&["apply", "--yes"]).exits(1);
    ran.says(&[
        "port 3838 on the server is taken by `python3` (`squatter.service`); shiny-app needs it",
        "sudo systemctl disable --now squatter.service",
    ]);
    bench
        .machine
        .sh("systemctl stop squatter; test ! -e /opt/shiny-app");
}

/// It runs as nobody who could harm, for this host alone, and nobody else reads its folder.
fn is_shut_in(bench: &Bench) {
    let machine = &bench.machine;
    let user = machine.sh(&format!(
        "ps -o user:20= -p $(systemctl show -p MainPID --value {UNIT})"
    ));
    assert_eq!(user.trim(), "labctl-shiny");
    let listening = machine.sh("ss -Hltn '( sport = 3838 )' | awk '{print $4}'");
    assert_eq!(listening, "127.0.0.1:3838\n");
    let denied = machine.try_sh("runuser -u guest -- cat /opt/shiny-app/app.py");
    assert!(!denied.status.success(), "{denied:?}");
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
    bench.apply();
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
