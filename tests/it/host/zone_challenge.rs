//! A certificate proven in Route 53: certbot writes challenges in the lab's zone, and pebble reads them there by DNS.

use std::collections::BTreeSet;
use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};

use super::authority::Authority;
use super::certificate::is_issued_by;
use super::machine::{Bench, SMALL};
use super::tunnel::{EMULATOR, Tunnel};
use crate::support::python;

const ZONE: &str = "dns:
  zone: example.org
  records:
    - { name: lab, type: A, value: elastic-ip }
    - { name: \"*.lab\", type: A, value: elastic-ip }
";
/// Debian 12's boto3 does not hear `AWS_ENDPOINT_URL`, so that its rules for Route 53's address are put aside.
const RULES: &str = "/root/.aws/models/route53/2013-04-01";

/// The emulator's zones, as a name server has them.
struct NameServer {
    process: Child,
    address: String,
}

impl NameServer {
    fn start(bench: &Bench) -> Self {
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/host/zones_by_dns.py");
        let mut command = Command::new(python());
        command.arg(script);
        command.arg(format!("http://127.0.0.1:{}", bench.lab.port()));
        command.arg(&bench.lab.account);
        let piped = command.stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut process = piped.spawn().unwrap();
        let mut port = String::new();
        let mut output = BufReader::new(process.stdout.take().unwrap());
        output.read_line(&mut port).unwrap();
        assert!(!port.is_empty(), "the name server did not start");
        let address = format!("127.0.0.1:{}", port.trim());
        Self { process, address }
    }
}

impl Drop for NameServer {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// Lets the server's own tools reach the emulator as they would reach AWS with a role.
fn lead_to_emulator(bench: &Bench) {
    let rules = format!(
        r#"{{"version": "1.0", "parameters": {{}}, "rules": [{{"type": "endpoint", "conditions": [], "endpoint": {{
            "url": "{EMULATOR}", "headers": {{}}, "properties": {{"authSchemes": [
            {{"name": "sigv4", "signingName": "route53", "signingRegion": "us-east-1"}}]}}}}}}]}}"#
    );
    let account = &bench.lab.account;
    bench.machine.sh(&format!(
        "umask 077; mkdir -p {RULES}; printf %s '{rules}' >{RULES}/endpoint-rule-set-1.json
         printf '[default]\naws_access_key_id = {account}\naws_secret_access_key = x\n' >/root/.aws/credentials"
    ));
}

fn serial(bench: &Bench) -> String {
    bench
        .machine
        .sh("openssl x509 -noout -serial -in /etc/labctl/tls/current/fullchain.pem")
}

#[test]
fn a_certificate_is_proven_in_the_zone_with_port_80_closed() {
    let plan = format!("{SMALL}{ZONE}").replace("    - { port: 80, from: [anywhere] }\n", "");
    let bench = Bench::applied(SMALL);
    bench.lab.write("lab.yaml", &plan);
    let names = NameServer::start(&bench);
    let authority = Authority::start_with(&bench.machine, &names.address);
    let directory = &authority.directory;
    bench.lab.edit(
        "{ mode: self-signed }",
        &format!("{{ mode: dns, email: test@example.org, directory: \"{directory}\" }}"),
    );
    bench.labctl(&["apply", "--yes", "--only", "cloud"]).ok();
    let _tunnel = Tunnel::open(&bench);
    lead_to_emulator(&bench);

    // The zone is there, and nobody has entered its name servers yet.
    let waits = bench.apply();
    waits.says(&[
        "warning:",
        "`lab.example.org` does not resolve yet",
        "name servers",
    ]);
    assert_eq!(bench.lab.count("route53:ListHostedZones"), 0);

    bench.lab.forget_requests();
    let status = bench.labctl(&["status", "--json"]).ok().json();
    let address = status["server"]["public_ip"].as_str().unwrap();
    bench.machine.sh(&format!(
        "echo {address} lab.example.org labctl-any.lab.example.org >>/etc/hosts"
    ));
    bench.lab.forget_requests();
    bench
        .machine
        .sh("/usr/local/lib/labctl/certificate --apply");
    certbot_asked_for_no_more_than_the_role_allows(&bench);
    is_issued_by(&bench, &authority);
    let shown = bench
        .machine
        .sh("openssl x509 -noout -ext subjectAltName -in /etc/labctl/tls/current/fullchain.pem");
    for name in ["DNS:lab.example.org", "DNS:*.lab.example.org"] {
        assert!(shown.contains(name), "{shown}");
    }
    bench.apply();

    // Debian's own timer renews it in the same way, and NGINX serves what it got.
    let before = serial(&bench);
    bench
        .machine
        .sh("certbot renew --force-renewal --no-random-sleep-on-renew");
    assert_ne!(before, serial(&bench));
    is_issued_by(&bench, &authority);
    challenges_are_gone(&bench);
}

#[track_caller]
fn certbot_asked_for_no_more_than_the_role_allows(bench: &Bench) {
    let requests = bench.lab.requests();
    let operations: BTreeSet<_> = requests
        .iter()
        .map(|request| request.operation.as_str())
        // The name server's own.
        .filter(|operation| *operation != "route53:ListResourceRecordSets")
        .collect();
    let allowed = ["ChangeResourceRecordSets", "GetChange", "ListHostedZones"];
    let allowed = allowed.map(|action| format!("route53:{action}"));
    assert_eq!(operations, allowed.iter().map(String::as_str).collect());
}

#[track_caller]
fn challenges_are_gone(bench: &Bench) {
    let program = "import boto3, sys\n\
        client = boto3.client('route53', endpoint_url=sys.argv[1], region_name='us-east-1',\n\
            aws_access_key_id=sys.argv[2], aws_secret_access_key='x')\n\
        zone = client.list_hosted_zones()['HostedZones'][0]['Id']\n\
        found = client.list_resource_record_sets(HostedZoneId=zone)['ResourceRecordSets']\n\
        print(*(f\"{entry['Name']} {entry['Type']}\" for entry in found))\n";
    let mut command = Command::new(python());
    command.args(["-c", program]);
    command.arg(format!("http://127.0.0.1:{}", bench.lab.port()));
    let found = super::machine::done(command.arg(&bench.lab.account));
    assert!(found.contains("lab.example.org. A"), "{found}");
    assert!(!found.contains("_acme-challenge"), "{found}");
}
