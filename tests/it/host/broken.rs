//! Configurations that must not go live, or not stay: pushed past the plan, which has no way to ask for them.

use std::path::Path;

use futures_util::FutureExt;
use futures_util::future::LocalBoxFuture;
use labctl::host::desired::{DesiredFile, DesiredUnit, Effect, Gate, Input};
use labctl::host::ssh::{
    Connection, Console, Deadlines, HostKey, Identity, KnownHosts, Shell, SshError, Target, Trust,
};
use labctl::host::{self, DesiredHost, HostError, Inputs, Reach, Verdict, session};
use labctl::plan;
use labctl::report::host::failed;

use super::machine::{Bench, Machine, SMALL};
use super::watched::Watched;

const NGINX: &str = "/etc/nginx/nginx.conf";
const UNIT: &str = "/etc/systemd/system/labctl-lame.service";

/// A way to the host of a bench, past labctl's commands.
struct Way<'a> {
    folder: &'a Path,
    machine: &'a Machine,
    desired: DesiredHost,
    public_key: plan::SshPublicKey,
}

struct Blank;

impl Console for Blank {
    fn host_keys(&self) -> LocalBoxFuture<'_, Result<Vec<HostKey>, String>> {
        std::future::ready(Ok(Vec::new())).boxed_local()
    }
}

impl<'a> Way<'a> {
    fn new(bench: &'a Bench) -> Self {
        let folder = &bench.lab.folder;
        let parsed = plan::load(&folder.join("lab.yaml")).unwrap();
        let keys = plan::read_keys(&parsed, Some(&folder.join("home"))).unwrap();
        let inputs = Inputs::new(&keys);
        let workbench = parsed.plan.workbench.as_ref().unwrap();
        Self {
            folder,
            machine: &bench.machine,
            desired: host::desired(&parsed.plan, workbench, &inputs).unwrap(),
            public_key: keys.key_pair,
        }
    }

    async fn open(&self) -> Result<Connection, SshError> {
        let known_hosts = KnownHosts::at(self.folder.join("known_hosts"));
        let trust = Trust {
            known_hosts: &known_hosts,
            console: &Blank,
            is_strict: false,
        };
        let identity = Identity {
            public_key: &self.public_key,
            public_path: &self.folder.join("home/.ssh/id_ed25519.pub"),
            agent: None,
            ask: &|_| None,
        };
        let target = Target {
            address: "127.0.0.1".to_owned(),
            port: self.machine.ssh_port,
            user: "ubuntu".to_owned(),
            pin: "i-0123456789abcdef0".to_owned(),
        };
        let opened = Connection::open(&target, &identity, &trust, Deadlines::RUNNING).await?;
        Ok(opened.connection)
    }

    /// Brings the host to what is desired, as `labctl apply` does.
    fn try_apply(&self, desired: &DesiredHost) -> Result<Verdict, HostError> {
        let mut builder = tokio::runtime::Builder::new_current_thread();
        let runtime = builder.enable_all().build().unwrap();
        runtime.block_on(async {
            let connection = self.open().await?;
            let facts = session::probe(&connection, desired).await?;
            let diff = host::diff(desired, &facts);
            session::apply(&connection, self, desired, &diff, &|_| {}).await
        })
    }

    #[track_caller]
    fn apply(&self, desired: &DesiredHost) -> Verdict {
        self.try_apply(desired).unwrap()
    }

    /// What is desired, with another content of a file.
    fn with(&self, path: &str, edit: impl Fn(&str) -> String) -> DesiredHost {
        let mut desired = self.desired.clone();
        let file = desired.files.get_mut(path).unwrap();
        file.content = edit(&file.content);
        desired
    }
}

impl Reach for Way<'_> {
    fn connect(&self) -> LocalBoxFuture<'_, Result<Box<dyn Shell>, HostError>> {
        async { Ok(Box::new(self.open().await?) as Box<dyn Shell>) }.boxed_local()
    }
}

/// A service that is of nobody's plan.
fn with_unit(desired: &DesiredHost, command: &str) -> DesiredHost {
    let mut desired = desired.clone();
    let file = DesiredFile {
        content: format!(
            "[Service]\nExecStart={command}\n\n[Install]\nWantedBy=multi-user.target\n"
        ),
        mode: "0644",
        check: Some(host::desired::Checker::Unit),
    };
    desired.files.insert(UNIT.to_owned(), file);
    desired.units.push(DesiredUnit {
        name: "labctl-lame.service",
        inputs: vec![Input {
            path: UNIT,
            effect: Effect::Restart,
        }],
    });
    desired.gates.push(Gate::Active {
        unit: "labctl-lame.service",
    });
    desired
}

#[track_caller]
fn answers(bench: &Bench) {
    let page = bench.curl(&["--insecure", "--fail", "https://lab.example.org/"]);
    assert!(page.contains("</html>"), "{page}");
}

fn on_disk(bench: &Bench) -> String {
    bench.machine.sh("sha256sum /etc/nginx/nginx.conf")
}

#[test]
fn what_is_broken_never_stays_live() {
    let bench = Bench::applied(SMALL);
    let way = Way::new(&bench);
    assert!(way.apply(&way.desired).ok);
    answers(&bench);
    let before = (on_disk(&bench), bench.machine.started("nginx.service"));
    syntax(&way);
    two_kinds(&way);
    gate(&way);
    dying_unit(&way);
    busy(&bench, &way);
    assert_eq!(
        before,
        (on_disk(&bench), bench.machine.started("nginx.service"))
    );
    answers(&bench);
    let left = bench.machine.sh("find /etc /var/www -name '*.labctl'");
    assert_eq!(left, "", "files beside their places");
    let runs = bench.machine.sh("ls -A /var/lib/labctl/runs");
    assert!(!runs.contains(".incoming"), "{runs}");
    // What failed leaves nothing to do.
    assert!(way.apply(&way.desired).ok);
    let lame = bench.machine.try_sh("systemctl cat labctl-lame.service");
    assert!(!lame.status.success());
}

/// Syntax that NGINX refuses: it is not switched.
fn syntax(way: &Way<'_>) {
    let verdict = way.apply(&way.with(NGINX, |text| text.replace("sendfile on;", "sendfil on;")));
    assert!(!verdict.ok && !verdict.rolled_back, "{verdict:?}");
    assert_eq!(verdict.step, "check");
    assert!(
        verdict.what.contains("`/etc/nginx/nginx.conf`"),
        "{verdict:?}"
    );
    let own = "unknown directive \"sendfil\" in /etc/nginx/nginx.conf:";
    assert!(
        verdict.log.iter().any(|line| line.contains(own)),
        "{verdict:?}"
    );
    let text = failed(&verdict);
    for words in [
        "check",
        own,
        "the configuration was not switched: what ran before still runs",
    ] {
        assert!(text.contains(words), "{words}\n{text}");
    }
}

/// Two files that two checkers refuse are named together.
fn two_kinds(way: &Way<'_>) {
    let broken = way.with(NGINX, |text| text.replace("sendfile on;", "sendfil on;"));
    let verdict = way.apply(&with_unit(&broken, "no-path-at-all"));
    assert_eq!(verdict.step, "check", "{verdict:?}");
    for path in [NGINX, UNIT] {
        assert!(verdict.what.contains(&format!("`{path}`")), "{verdict:?}");
    }
    assert!(verdict.what.contains("2 new files failed their checks"));
    let log = verdict.log.join("\n");
    assert!(
        log.contains("sendfil") && log.contains("labctl-lame.service"),
        "{log}"
    );
}

/// A configuration that NGINX takes, and whose page fails: it is taken back.
fn gate(way: &Way<'_>) {
    let old = "location / {\n            root /var/www/labctl;";
    let new = "location / {\n            return 500;";
    let broken = way.with(NGINX, |text| {
        assert!(text.contains(old), "{text}");
        text.replace(old, new)
    });
    let verdict = way.apply(&broken);
    assert!(
        !verdict.ok && verdict.rolled_back && verdict.proved,
        "{verdict:?}"
    );
    assert_eq!(verdict.step, "gates");
    assert!(
        verdict.what.contains("gate `landing page` failed"),
        "{verdict:?}"
    );
    assert!(verdict.what.contains("500"), "{verdict:?}");
    assert!(!verdict.log.is_empty(), "{verdict:?}");
    let text = failed(&verdict);
    assert!(text.contains("was put back, and is live again"), "{text}");
}

/// A service that dies at its start is gone afterwards, file and all.
fn dying_unit(way: &Way<'_>) {
    let command = "/bin/sh -c 'echo the sky is falling; exit 3'";
    let verdict = way.apply(&with_unit(&way.desired, command));
    assert!(
        !verdict.ok && verdict.rolled_back && verdict.proved,
        "{verdict:?}"
    );
    assert!(verdict.what.contains("labctl-lame.service"), "{verdict:?}");
    let log = verdict.log.join("\n");
    assert!(log.contains("the sky is falling"), "{verdict:?}");
    let file = way.machine.try_sh(&format!("test -e {UNIT}"));
    assert!(!file.status.success(), "the unit's file is still there");
    let enabled = way
        .machine
        .sh("find /etc/systemd/system -name 'labctl-lame*'");
    assert_eq!(enabled, "");
}

/// While another apply runs, nothing is begun.
fn busy(bench: &Bench, way: &Way<'_>) {
    let holding = bench.machine.hold_at("check");
    let changed = way.with(NGINX, |text| {
        text.replace("gzip_comp_level 5", "gzip_comp_level 6")
    });
    std::thread::scope(|scope| {
        let first = scope.spawn(|| Way::new(bench).apply(&with_unit(&way.desired, "/bin/false")));
        let held = holding.held();
        let error = way.try_apply(&changed).unwrap_err();
        assert!(
            matches!(&error, HostError::Busy(run) if *run == held.run),
            "{error}"
        );
        held.release();
        assert!(!first.join().unwrap().ok);
    });
}

#[test]
fn a_failed_apply_reads_well() {
    let bench = Bench::applied(SMALL);
    // What the new configuration needs is broken, though the plan is not.
    bench.machine.sh("chmod 0700 /var/www/labctl");
    bench.lab.edit("mode: self-signed", "mode: off");
    let ran = Watched::start(&bench, &["apply", "--yes"]).ended().exits(1);
    ran.says(&[
        "✗ landing page",
        "403",
        "✗ gates: gate `landing page` failed",
        // NGINX's own reason.
        "/var/www/labctl/",
        "Permission denied",
        "failed: the configuration from before was put back, and is live again",
    ]);
    let redirect = bench.curl(&["--include", "http://lab.example.org/"]);
    assert!(redirect.contains("301"), "{redirect}");
    bench
        .machine
        .sh("chmod 0755 /var/www/labctl && echo 'bad;' >> /etc/nginx/mime.types");
    let ran = Watched::start(&bench, &["apply", "--yes"]).ended().exits(1);
    ran.says(&[
        "✗ check: 1 new file failed its check: `/etc/nginx/nginx.conf`",
        "unknown directive \"bad\" in /etc/nginx/mime.types:",
        "failed: the configuration was not switched: what ran before still runs",
    ]);
    let redirect = bench.curl(&["--include", "http://lab.example.org/"]);
    assert!(redirect.contains("301"), "{redirect}");
}
