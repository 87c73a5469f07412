//! The bucket for users: who has `bucket_access` reads it from a session of their own, by keys of their own, and nobody
//! but root reaches the instance metadata, sudo or not, container or not.

use std::process::Command;

use crate::support::python;

use super::machine::{Bench, SMALL, done};
use super::tunnel::{EMULATOR, Tunnel};

const BUCKET: &str = "bucket: { name: BUCKET, instance_access: read-write }\n";
/// curl's code for a connection that was refused.
const REFUSED: &str = "7\n";
const SOCKET: &str = "labctl-credentials.socket";
const SERVICE: &str = "labctl-credentials.service";
/// Reads, writes, and looks whose keys these are, as any program of a user does; each line ends with what came of it.
const TRY: &str = r#"
import boto3, sys
from botocore.exceptions import BotoCoreError, ClientError
def attempt(name, call, **more):
    try:
        call(**more)
        print(name, "ok")
    except (BotoCoreError, ClientError) as problem:
        print(name, type(problem).__name__, problem)
session = boto3.Session()
s3 = session.client("s3")
attempt("list", s3.list_objects_v2, Bucket=sys.argv[1])
attempt("get", s3.get_object, Bucket=sys.argv[1], Key="data/penguins.csv")
keys = session.get_credentials()
print("region", session.region_name)
print("keys", keys and keys.access_key[:4], keys and keys.method)
"#;

struct People {
    bench: Bench,
    bucket: String,
    tunnel: Tunnel,
}

#[test]
fn users_reach_the_bucket_and_nobody_the_metadata() {
    let people = People::new();
    people.are_planned_with_just_this();
    people.get_keys_from_every_session();
    people.without_access_get_nothing();
    people.cannot_pretend_to_be_others();
    people.reach_no_metadata();
    people.are_given_more();
    people.lose_access();
}

impl People {
    fn new() -> Self {
        let bench = Bench::applied(SMALL);
        let bucket = bench.lab.bucket();
        bench.lab.write("lab.yaml", &format!("{BUCKET}{SMALL}"));
        bench.lab.edit("BUCKET", &bucket);
        let tunnel = Tunnel::open(&bench);
        bench.machine.sh(&format!(
            "mkdir -p /etc/labctl && umask 077 && printf '%s\n' AWS_ENDPOINT_URL_S3={EMULATOR} \
             AWS_ENDPOINT_URL_STS={EMULATOR} AWS_ACCESS_KEY_ID={} AWS_SECRET_ACCESS_KEY=x \
             >/etc/labctl/aws.env",
            bench.lab.account
        ));
        bench.labctl(&["apply", "--yes"]).ok();
        let people = Self {
            bench,
            bucket,
            tunnel,
        };
        people.put_data();
        people.offer_metadata();
        people
    }

    fn put_data(&self) {
        let program = "import boto3, sys\n\
            endpoint, account, bucket = sys.argv[1:]\n\
            client = boto3.client('s3', endpoint_url=endpoint, region_name='us-east-1',\n\
                aws_access_key_id=account, aws_secret_access_key='x')\n\
            client.put_object(Bucket=bucket, Key='data/penguins.csv', Body=b'Adelie')";
        let lab = &self.bench.lab;
        let mut command = Command::new(python());
        command.args(["-c", program]);
        command.arg(format!("http://127.0.0.1:{}", lab.port()));
        done(command.args([&lab.account, &self.bucket]));
    }

    /// Serves instance metadata outside of the server's own network, and starts a network that is led through the
    /// server, as a container's is.
    fn offer_metadata(&self) {
        self.bench.machine.sh(
            "set -e; mkdir -p /srv/fake; ip netns add fake; ip netns add box
             ip link add to-fake type veth peer name eth0 netns fake
             ip address add 169.254.0.1/16 dev to-fake; ip link set to-fake up
             ip -n fake address add 169.254.169.254/16 dev eth0; ip -n fake link set eth0 up
             ip link add to-box type veth peer name eth0 netns box
             ip address add 10.99.0.1/24 dev to-box; ip link set to-box up
             ip -n box address add 10.99.0.2/24 dev eth0; ip -n box link set eth0 up
             ip -n box route add default via 10.99.0.1; ip -n fake route add 10.99.0.0/24 via 169.254.0.1
             test $(cat /proc/sys/net/ipv4/ip_forward) = 1
             systemd-run --quiet --unit fake-metadata ip netns exec fake \
                 python3 -m http.server 80 --bind 169.254.169.254 --directory /srv/fake
             for try in $(seq 100); do
                 curl -sf -m 1 -o /dev/null http://169.254.169.254/ && exit; sleep 0.1
             done; exit 1",
        );
    }

    /// A lab of before is planned with what access takes, and nothing else.
    fn are_planned_with_just_this(&self) {
        let bench = &self.bench;
        bench.lab.edit(
            "- { name: guest }",
            "- { name: guest, bucket_access: read }",
        );
        let planned = bench.labctl(&["plan", "--json"]).json();
        let cloud = planned["changes"].as_array().unwrap().iter();
        let cloud: Vec<_> = cloud
            .filter(|change| change["action"] != "none")
            .map(|change| format!("{} {}", change["action"], change["address"]).replace('"', ""))
            .collect();
        assert_eq!(cloud, ["update role", "create users_role"], "{planned:#}");
        let host: Vec<_> = bench.changes().into_keys().collect();
        assert_eq!(
            host,
            [
                "/etc/labctl/credentials.json",
                "/etc/profile.d/labctl-aws.sh",
                "/etc/systemd/system/labctl-credentials.service",
                "/etc/systemd/system/labctl-credentials.socket",
                "/opt/labctl-aws",
                "/usr/local/lib/labctl/ask-credentials",
                "/usr/local/lib/labctl/credentials",
                "unit.labctl-credentials.socket",
            ]
        );
        let ran = bench.apply();
        ran.says(&["✓ access to the bucket of guest"]);
    }

    /// Runs a program as a user who has logged in.
    fn as_user(&self, user: &str, command: &str) -> String {
        self.bench.machine.sh(&format!(
            "su - {user} -c \"{command}\" 2>&1 || echo \"exit $?\""
        ))
    }

    fn tries(&self, user: &str) -> String {
        self.bench.lab.write("try.py", TRY);
        let machine = &self.bench.machine;
        machine.sh(&format!("cat >/srv/try.py <<'EOF'\n{TRY}\nEOF"));
        let bucket = &self.bucket;
        self.as_user(
            user,
            &format!("/opt/labctl-aws/bin/python -I /srv/try.py {bucket}"),
        )
    }

    fn get_keys_from_every_session(&self) {
        let expected = "list ok\nget ok\nregion us-east-1\nkeys ASIA custom-process\n";
        assert_eq!(self.tries("guest"), expected);
        // A file of a user's own counts more.
        let machine = &self.bench.machine;
        let own = "mkdir -p ~/.aws && touch ~/.aws/config";
        self.as_user("guest", own);
        assert_eq!(
            self.as_user("guest", "bash -lc 'echo -\\$AWS_CONFIG_FILE-'"),
            "--\n"
        );
        machine.sh("rm -r /home/guest/.aws");
        // It goes when nobody asks, and comes back.
        machine.sh(&format!("systemctl stop {SERVICE}"));
        assert!(!machine.is_active(SERVICE) && machine.is_active(SOCKET));
        assert_eq!(self.tries("guest"), expected);
        assert!(machine.is_active(SERVICE));
    }

    fn without_access_get_nothing(&self) {
        let answer = self.as_user("test-user", "/usr/local/lib/labctl/ask-credentials");
        assert_eq!(
            answer,
            "`test-user` has no `bucket_access` in the lab's plan\nexit 1\n"
        );
        let tried = self.tries("test-user");
        assert!(tried.contains("list NoCredentialsError"), "{tried}");
        assert!(tried.ends_with("region None\nkeys None None\n"), "{tried}");
        self.bench.machine.sh("useradd -m stranger");
        for user in ["stranger", "nobody"] {
            let answer = self.bench.machine.sh(&format!(
                "runuser -u {user} -- /usr/local/lib/labctl/ask-credentials 2>&1 || true"
            ));
            assert_eq!(
                answer,
                format!("`{user}` has no `bucket_access` in the lab's plan\n")
            );
        }
    }

    /// The kernel says who asks: not what stands in a variable, not a namespace in which one is root.
    fn cannot_pretend_to_be_others(&self) {
        let ask = "/usr/local/lib/labctl/ask-credentials";
        let pretended = self.as_user("test-user", &format!("USER=guest LOGNAME=guest {ask}"));
        assert!(pretended.starts_with("`test-user` has no"), "{pretended}");
        let machine = &self.bench.machine;
        let namespace = machine.sh(&format!(
            "runuser -u test-user -- unshare --user --map-root-user {ask} 2>&1 || true"
        ));
        assert!(!namespace.contains("AccessKeyId"), "{namespace}");
        // The settings, the keys of the server and the socket are root's.
        for path in [
            "/etc/labctl/credentials.json",
            "/run/labctl-credentials",
            "/run/labctl-credentials/config",
        ] {
            let write = format!("runuser -u guest -- test -w {path}");
            assert!(!machine.try_sh(&write).status.success(), "{path}");
        }
        let read = machine.try_sh("runuser -u guest -- cat /etc/labctl/aws.env");
        assert!(!read.status.success());
        // Who connects and says nothing holds nobody up.
        machine.sh("systemd-run --quiet --unit idler --uid guest python3 -c \"
import socket, time
held = [socket.socket(socket.AF_UNIX) for _ in range(50)]
for one in held: one.connect('/run/labctl-credentials/socket')
time.sleep(60)\"; sleep 1");
        assert!(self.tries("guest").starts_with("list ok\n"));
        machine.sh("systemctl stop idler");
        // What it may do, as systemd judges it: 0 is nothing, 10 all that root may.
        let judged = machine.sh(&format!(
            "systemd-analyze security --no-pager {SERVICE} | tail -n 1"
        ));
        let exposure = judged
            .split_whitespace()
            .find_map(|word| word.parse::<f32>().ok());
        assert!(exposure.is_some_and(|exposure| exposure < 2.5), "{judged}");
    }

    fn reach_no_metadata(&self) {
        let machine = &self.bench.machine;
        let ask = "curl -sf -o /dev/null -m 5 http://169.254.169.254/; echo $?";
        let from_box = || machine.sh(&format!("ip netns exec box sh -c '{ask}'"));
        let refuses_all = || {
            for user in ["test-user", "guest", "nobody"] {
                let answer = machine.sh(&format!("runuser -u {user} -- sh -c '{ask}'"));
                assert_eq!(answer, REFUSED, "{user}");
            }
            assert_eq!(from_box(), REFUSED);
            assert_eq!(machine.sh(ask), "0\n", "root");
        };
        refuses_all();
        // What stands while the other file cannot be loaded is as closed.
        machine.sh("nft --file /etc/labctl/metadata-closed.nft");
        refuses_all();
        // The ways are there: without the rules everybody gets through.
        machine.sh("nft delete table inet labctl_metadata");
        assert_eq!(from_box(), "0\n");
        machine.sh("systemctl restart labctl-metadata.service");
        refuses_all();
    }

    /// Other settings reach the service while it runs.
    fn are_given_more(&self) {
        let machine = &self.bench.machine;
        assert!(machine.is_active(SERVICE));
        let before = machine.started(SERVICE);
        self.bench
            .lab
            .edit("bucket_access: read", "bucket_access: true");
        self.bench.apply();
        assert!(self.tries("guest").starts_with("list ok\nget ok\n"));
        assert_ne!(machine.started(SERVICE), before);
        let settings = machine.sh("cat /etc/labctl/credentials.json");
        assert!(settings.contains("\"guest\": \"read-write\""), "{settings}");
    }

    fn lose_access(&self) {
        let (bench, machine) = (&self.bench, &self.bench.machine);
        bench.lab.edit(", bucket_access: true", "");
        bench.apply();
        assert!(!machine.is_active(SOCKET) && !machine.is_active(SERVICE));
        let left = machine.sh(
            "ls -d /run/labctl-credentials/* /etc/labctl/credentials.json /etc/profile.d/labctl-aws.sh \
             /usr/local/lib/labctl/*credentials /etc/systemd/system/*credentials* /opt/labctl-aws \
             2>/dev/null || true",
        );
        assert_eq!(left, "");
        let _ = &self.tunnel;
    }
}
