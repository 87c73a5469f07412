//! The model's API: it waits for its model, is built by Docker on the server, answers, changes, and goes.

use std::process::Command;

use serde_json::{Value, json};

use crate::support::python;

use super::machine::{Bench, SMALL, done};
use super::tunnel::{EMULATOR, Tunnel};

const BUCKET: &str = "bucket: { name: BUCKET, instance_access: read }\n";
const API: &str = "  api: { build: api, build_args: { BASE_IMAGE: base-of-the-test }, model: s3://BUCKET/models/penguin_model }\n";
pub const UNIT: &str = "model-api.service";
const PENGUIN: &str =
    r#"[{"bill_length_mm": 45, "species_Chinstrap": 0, "species_Gentoo": 1, "sex_male": 1}]"#;
/// What the example's model says of it.
const MASS: f64 = 5275.7;
/// An image with Python and with what pip will want, made of the server itself: no registry can be reached.
/// What it has no use for stays away: it is packed and unpacked several times.
pub const IMPORT_BASE: &str = "DEBIAN_FRONTEND=noninteractive apt-get install -qq -y --no-install-recommends python3-venv \
    >/dev/null && cd / && tar -c --exclude='usr/share/doc' --exclude='usr/share/locale' \
    --exclude='usr/share/man' --exclude='usr/share/perl' --exclude='usr/share/i18n' --exclude='usr/lib/*/perl*' \
    --exclude='usr/bin/docker*' --exclude='usr/bin/containerd*' --exclude='usr/sbin/dockerd' \
    --exclude='test-wheels/nodejs*' --exclude='test-wheels/uv-*' --exclude='test-wheels/jupyter*' \
    --exclude='test-wheels/botocore*' --exclude='test-wheels/babel*' --exclude='test-wheels/libsass*' \
    bin lib lib64 sbin usr etc/alternatives etc/ssl etc/passwd etc/group etc/pip.conf \
    etc/ld.so.cache etc/ld.so.conf etc/ld.so.conf.d var/cache/test-wheels \
    | docker import - base-of-the-test";

/// A lab whose server reaches the emulator's S3.
pub struct Api {
    pub bench: Bench,
    bucket: String,
    _tunnel: Tunnel,
}

#[test]
fn the_api_waits_is_built_answers_changes_and_goes() {
    let api = Api::new();
    api.port_is_taken();
    api.waits();
    api.bench.machine.sh(IMPORT_BASE);
    api.put_model(0.0);
    api.comes();
    api.is_shut_in();
    api.has_no_rights();
    api.keeps_the_old_one_when_a_build_fails();
    api.takes_up_another_model();
    api.is_opened_to_the_world();
    api.is_pulled_from_a_registry();
    api.survives_a_reboot();
    api.goes();
}

impl Api {
    fn new() -> Self {
        let bench = Bench::applied(SMALL);
        bench
            .lab
            .write("lab.yaml", &format!("{BUCKET}{SMALL}{API}"));
        let bucket = bench.lab.bucket();
        bench.lab.edit("BUCKET", &bucket);
        let example =
            std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/penguins/api");
        for name in ["Dockerfile", "main.py", "requirements.txt", ".dockerignore"] {
            let text = std::fs::read_to_string(example.join(name)).unwrap();
            bench.lab.write(&format!("api/{name}"), &text);
        }
        let tunnel = Tunnel::open(&bench);
        bench.machine.sh(&format!(
            "mkdir -p /etc/labctl && umask 077 && printf '%s\n' AWS_ENDPOINT_URL_S3={EMULATOR} \
             AWS_ACCESS_KEY_ID={} AWS_SECRET_ACCESS_KEY=x >/etc/labctl/aws.env",
            bench.lab.account
        ));
        Self {
            bench,
            bucket,
            _tunnel: tunnel,
        }
    }

    /// Puts the example's model into the bucket, heavier by so much; by what is no number, a broken one.
    fn put_model(&self, heavier: f64) {
        let file = concat!(
            env!("CARGO_MANIFEST_DIR"),
            "/examples/penguins/model/penguin_model/model.json"
        );
        let program = "import boto3, json, sys\n\
            endpoint, account, bucket, file, heavier = sys.argv[1:]\n\
            model = json.load(open(file)); model['intercept'] += float(heavier)\n\
            model = {} if heavier == 'NaN' else model\n\
            client = boto3.client('s3', endpoint_url=endpoint, region_name='us-east-1',\n\
                aws_access_key_id=account, aws_secret_access_key='x')\n\
            client.put_object(Bucket=bucket, Key='models/penguin_model/model.json', Body=json.dumps(model))";
        let lab = &self.bench.lab;
        let mut command = Command::new(python());
        command.args(["-c", program]);
        command.arg(format!("http://127.0.0.1:{}", lab.port()));
        done(command.args([&lab.account, &self.bucket, file, &heavier.to_string()]));
    }

    fn source(&self) -> String {
        format!("s3://{}/models/penguin_model", self.bucket)
    }

    /// Asks on the server itself.
    pub fn predict(&self) -> f64 {
        let command = format!(
            "curl -sf -m 10 http://127.0.0.1:485/predict -H 'Content-Type: application/json' -d '{PENGUIN}'"
        );
        let answer: Value = serde_json::from_str(&self.bench.machine.sh(&command)).unwrap();
        answer["predict"][0].as_f64().unwrap()
    }

    fn port_is_taken(&self) {
        let machine = &self.bench.machine;
        machine
            .sh("systemd-run --quiet --unit squatter python3 -m http.server 485 --bind 127.0.0.1");
        let ran = self.bench.labctl(&["apply", "--yes"]).exits(1);
        ran.says(&["port 485 on the server is taken by `python3` (`squatter.service`)"]);
        machine.sh("systemctl stop squatter; test ! -e /opt/model-api");
    }

    /// No failure, nothing rolled back, and no difference that would stay for ever.
    fn waits(&self) {
        let waiting = format!("waiting for model {}", self.source());
        let ran = self.bench.labctl(&["apply", "--yes"]).ok();
        ran.says(&[
            &waiting,
            "there is nothing at s3://",
            "the server is as the plan says",
        ]);
        assert!(!self.bench.machine.is_active(UNIT));
        self.bench.labctl(&["plan", "--detailed-exitcode"]).ok();
        let host = self.bench.host_plan();
        assert_eq!(host["awaits_model"], json!(self.source()), "{host}");
        assert_eq!(host["changes"], json!([]), "{host}");
        let ran = self.bench.labctl(&["apply", "--yes", "--json"]).ok();
        let last: Value = serde_json::from_str(ran.stdout.lines().last().unwrap()).unwrap();
        assert_eq!(last["host"]["ok"], true, "{ran}");
        assert_eq!(
            last["host"]["waiting_for_model"],
            json!(self.source()),
            "{ran}"
        );
    }

    fn comes(&self) {
        let ran = self.bench.apply();
        ran.says(&[
            "✓ model API /ping and /predict",
            "get the API's model and image",
        ]);
        assert_eq!(self.predict(), MASS);
        let again = self.bench.labctl(&["apply", "--yes"]).ok();
        again.says(&["the server was as the plan says"]);
    }

    fn is_shut_in(&self) {
        let machine = &self.bench.machine;
        let listening = machine.sh("ss -Hltn '( sport = 485 )' | awk '{print $4}'");
        assert_eq!(listening, "127.0.0.1:485\n");
        let limit =
            "docker inspect --format '{{.HostConfig.Memory}} {{(index .Mounts 0).RW}}' model-api";
        assert_eq!(machine.sh(limit), format!("{} false\n", 512 << 20));
        let closed = [
            "--insecure",
            "--output",
            "/dev/null",
            "--write-out",
            "%{http_code}",
        ];
        let page = "https://lab.example.org/penguins-api/ping";
        assert_eq!(self.bench.curl(&[&closed[..], &[page]].concat()), "404");
    }

    fn keeps_the_old_one_when_a_build_fails(&self) {
        let lab = &self.bench.lab;
        let good = lab.read("api/Dockerfile");
        let before = self.bench.machine.started(UNIT);
        lab.write(
            "api/Dockerfile",
            &format!("{good}RUN echo the sky is falling && false\n"),
        );
        let ran = self.bench.labctl(&["apply", "--yes"]).exits(1);
        ran.says(&[
            "the API's image cannot be built",
            "the sky is falling",
            "what ran before still runs",
        ]);
        assert_eq!(self.predict(), MASS);
        assert_eq!(before, self.bench.machine.started(UNIT));
        lab.write("api/Dockerfile", &good);
        self.bench.labctl(&["plan", "--detailed-exitcode"]).ok();
    }

    /// The timer's service does it, without labctl.
    fn takes_up_another_model(&self) {
        self.put_model(1000.0);
        let machine = &self.bench.machine;
        machine.sh("systemctl start labctl-model.service");
        assert_eq!(self.predict(), MASS + 1000.0);
        self.bench.labctl(&["plan", "--detailed-exitcode"]).ok();
        self.refuses_a_bad_model();
        self.put_model(0.0);
        machine.sh("systemctl start labctl-model.service");
        assert_eq!(self.predict(), MASS);
    }

    /// One with which the API does not answer is taken back, and tried once.
    fn refuses_a_bad_model(&self) {
        let machine = &self.bench.machine;
        self.put_model(f64::NAN);
        let refused = machine.try_sh("systemctl start labctl-model.service");
        assert!(!refused.status.success());
        assert_eq!(self.predict(), MASS + 1000.0);
        let started = machine.started(UNIT);
        machine.sh("systemctl start labctl-model.service");
        assert_eq!(started, machine.started(UNIT), "it is tried again");
        assert_eq!(
            machine.sh("ls -d /opt/labctl/model-????????????"),
            machine.sh("readlink /opt/labctl-model")
        );
        let said = format!("the API refused the model at {}", self.source());
        self.bench.labctl(&["doctor"]).exits(1).says(&[&said]);
        self.bench
            .labctl(&["plan", "--detailed-exitcode"])
            .ok()
            .says(&[&said]);
        self.bench
            .labctl(&["logs", "api"])
            .ok()
            .says(&["\"refused\""]);
    }

    /// Its container is nobody's account, without a capability, and writes to memory alone.
    fn has_no_rights(&self) {
        let machine = &self.bench.machine;
        let pid = machine.sh("docker inspect --format '{{.State.Pid}}' model-api");
        let pid = pid.trim();
        let status = machine.sh(&format!("cat /proc/{pid}/status"));
        for line in [
            "Uid:\t65532\t65532",
            "CapBnd:\t0000000000000000",
            "NoNewPrivs:\t1",
        ] {
            assert!(status.contains(line), "{line}: {status}");
        }
        let run = |command: &str| {
            machine
                .try_sh(&format!("docker exec model-api {command}"))
                .status
                .success()
        };
        assert!(run("touch /tmp/x") && run("cat /data/model/penguin_model/model.json"));
        for place in ["/app/x", "/opt/api/x", "/data/model/x", "/x"] {
            assert!(!run(&format!("touch {place}")), "{place}");
        }
    }

    /// A page that says what is waited for, and no query of a failed request leaves the server.
    fn says_that_it_waits(&self) {
        let machine = &self.bench.machine;
        machine.sh("systemctl stop model-api.service");
        let page = "https://lab.example.org/penguins-api/ping?token=as-secret-as-any";
        let answer = self.bench.curl(&["--insecure", "--include", page]);
        for part in ["503", "Retry-After: 60", "The API is waiting for its model"] {
            assert!(answer.contains(part), "{answer}");
        }
        machine.sh("grep -q as-secret-as-any /var/log/nginx/error.log");
        let shown = self.bench.labctl(&["logs", "nginx"]).ok();
        let shown = shown.says(&["GET /penguins-api/ping?... HTTP/1.1"]);
        assert!(!shown.stdout.contains("as-secret-as-any"), "{shown}");
        machine.sh("systemctl start model-api.service");
    }

    fn is_opened_to_the_world(&self) {
        self.bench
            .lab
            .edit("api: { build", "api: { public: true, build");
        let ran = self.bench.apply();
        ran.says(&[
            "✓ model API for the world",
            "https://lab.example.org/penguins-api/",
        ]);
        let pong = self
            .bench
            .curl(&["--insecure", "https://lab.example.org/penguins-api/ping"]);
        assert_eq!(pong, r#"{"ping":"pong"}"#);
        let schema = self.bench.curl(&[
            "--insecure",
            "https://lab.example.org/penguins-api/openapi.json",
        ]);
        assert!(schema.contains("/penguins-api"), "{schema}");
        let page = "https://lab.example.org/penguins-api/ping";
        assert_eq!(self.bench.post(page, "", 20_000_000, &[]), "413");
        assert_eq!(self.bench.post(page, "", 1_000, &[]), "405");
        self.says_that_it_waits();
    }

    fn survives_a_reboot(&self) {
        let machine = &self.bench.machine;
        machine.reboot();
        machine.sh("for try in $(seq 300); do curl -sf -o /dev/null http://127.0.0.1:485/ping && exit; sleep 0.2; done; exit 1");
        self.bench.labctl(&["plan", "--detailed-exitcode"]).ok();
    }

    fn goes(&self) {
        let text = self.bench.lab.read("lab.yaml");
        let without: Vec<_> = text
            .lines()
            .filter(|line| !line.starts_with("  api:"))
            .collect();
        self.bench
            .lab
            .write("lab.yaml", &format!("{}\n", without.join("\n")));
        self.bench.apply();
        let left = self.bench.machine.sh(
            "ls -d /opt/model-api /opt/labctl-* /opt/labctl/model-* /opt/labctl/labctl-aws-* /etc/labctl/api.json \
             /etc/systemd/system/model-api* /etc/systemd/system/labctl-model* 2>/dev/null; \
             ss -Hltn '( sport = 485 )'; docker ps -aq; docker image ls --format '{{.Repository}}'",
        );
        assert_eq!(left, "base-of-the-test\n");
    }
}
