//! A name that does not lead to the server yet: the self-signed certificate serves until it does.

use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use super::authority::Authority;
use super::machine::{Bench, SMALL};

const NAME: &str = "lab.example.org";
const SOMEBODY_ELSE: &str = "192.0.2.1";

/// Asks in a bench's plan for a certificate of an authority; gives that, and the server's address: the cloud's half is
/// there then.
pub fn with_authority(bench: &Bench) -> (Authority, String) {
    let authority = Authority::start(&bench.machine);
    bench.lab.edit(
        "{ mode: self-signed }",
        &format!(
            "{{ mode: lets-encrypt, email: test@example.org, directory: \"{}\" }}",
            authority.directory
        ),
    );
    bench.labctl(&["apply", "--yes", "--only", "cloud"]).ok();
    let status = bench.labctl(&["status", "--json"]).ok().json();
    let address = status["server"]["public_ip"].as_str().unwrap().to_owned();
    (authority, address)
}

/// Lets the host find the lab's name at an address, as the name servers would.
pub fn lead_name_to(bench: &Bench, address: &str) {
    // The file is a mount, so that it can be written but not replaced.
    bench.machine.sh(&format!(
        "grep -v {NAME} /etc/hosts >/tmp/hosts; echo {address} {NAME} >>/tmp/hosts; cat /tmp/hosts >/etc/hosts"
    ));
}

/// Instance metadata that know the server's public address, and nothing else (IMDSv2).
const METADATA: &str = "
import http.server, sys
class Metadata(http.server.BaseHTTPRequestHandler):
    def answer(self, status, text):
        self.send_response(status); self.end_headers(); self.wfile.write(text.encode())
    def do_PUT(self):
        self.answer(200, 'token')
    def do_GET(self):
        is_known = self.path.endswith('/public-ipv4') and self.headers['X-aws-ec2-metadata-token'] == 'token'
        self.answer(200 if is_known else 404, sys.argv[1] if is_known else '')
http.server.ThreadingHTTPServer(('169.254.169.254', 80), Metadata).serve_forever()
";

/// Lets the server learn its own address as on EC2: from outside of the host's own network.
fn tell_own_address(bench: &Bench, address: &str) {
    bench.machine.sh(&format!(
        "set -e; cat >/srv/metadata.py <<'EOF'\n{METADATA}EOF
         ip netns add fake; ip link add to-fake type veth peer name eth0 netns fake
         ip address add 169.254.0.1/16 dev to-fake; ip link set to-fake up
         ip -n fake address add 169.254.169.254/16 dev eth0; ip -n fake link set eth0 up
         systemd-run --quiet --unit fake-metadata ip netns exec fake python3 /srv/metadata.py {address}
         for i in $(seq 100); do curl -sf -m 1 -X PUT http://169.254.169.254/latest/api/token && exit; sleep 0.1; done
         exit 1"
    ));
}

/// What a client that trusts only `authority` says of the certificate that is served.
pub fn verified(bench: &Bench, authority: &Path) -> String {
    let mut openssl = Command::new("openssl");
    openssl.args(["s_client", "-servername", NAME, "-verify_hostname", NAME]);
    openssl.arg("-connect");
    openssl.arg(format!("127.0.0.1:{}", bench.machine.https_port));
    openssl.arg("-CAfile").arg(authority);
    let output = openssl.stdin(Stdio::null()).output().unwrap();
    String::from_utf8_lossy(&output.stdout).into_owned()
}

const TRUSTED: &str = "Verify return code: 0 (ok)";

/// NGINX takes a certificate up a moment after it was told to.
const MOMENT: Duration = Duration::from_secs(10);

/// Checks that the served certificate is the authority's, for the lab's name.
#[track_caller]
pub fn is_issued_by(bench: &Bench, authority: &Authority) {
    let start = Instant::now();
    let mut seen = verified(bench, &authority.root());
    while !seen.contains(TRUSTED) && start.elapsed() < MOMENT {
        std::thread::sleep(Duration::from_millis(50));
        seen = verified(bench, &authority.root());
    }
    assert!(seen.contains(TRUSTED), "{seen}");
    assert!(seen.contains("Pebble Intermediate CA"), "{seen}");
}

#[test]
fn a_name_that_leads_elsewhere_is_waited_for() {
    let bench = Bench::applied(SMALL);
    let (authority, address) = with_authority(&bench);
    tell_own_address(&bench, &address);
    lead_name_to(&bench, SOMEBODY_ELSE);
    let ran = bench.apply();
    let said = format!("`{NAME}` resolves to {SOMEBODY_ELSE}, and this server is {address}");
    ran.says(&["warning:", &said, "help:", "next `labctl apply`"]);
    let seen = verified(&bench, &authority.root());
    assert!(!seen.contains(TRUSTED), "{seen}");
    // What is served is for the name all the same, and everything else is done.
    let shown = bench.machine.sh(
        "openssl x509 -noout -issuer -ext subjectAltName -in /etc/labctl/tls/current/fullchain.pem",
    );
    assert!(shown.contains(&format!("DNS:{NAME}")), "{shown}");
    assert!(shown.contains(&format!("issuer=CN = {NAME}")), "{shown}");
    let page = bench.curl(&["--insecure", &format!("https://{NAME}/")]);
    assert!(page.contains("</html>"), "{page}");

    // Nothing in the plan has changed; the world has.
    lead_name_to(&bench, &address);
    bench.apply();
    is_issued_by(&bench, &authority);
    // What is there is kept: the authority is not asked again.
    let issued = bench.machine.sh("ls -l /etc/letsencrypt/archive/*");
    bench.labctl(&["apply", "--yes"]).ok();
    assert_eq!(issued, bench.machine.sh("ls -l /etc/letsencrypt/archive/*"));
}

/// A lab without a domain has no name that anything could be for, and its address is another after each stop: nothing on
/// the server may depend on it.
#[test]
fn a_lab_without_a_domain_applies_and_stays_as_it_is_under_another_address() {
    let bench = Bench::applied(SMALL);
    bench.lab.edit("  domain: lab.example.org\n", "");
    bench.lab.edit("elastic_ip: true", "elastic_ip: false");
    let ran = bench.apply();
    assert!(!ran.stderr.contains("localhost"), "{ran}");
    let address = is_found_at_its_address(&bench, "https", "days left");
    ran.says(&[&format!("start page   https://{address}/")]);
    let shown = bench
        .machine
        .sh("openssl x509 -noout -ext subjectAltName -in /etc/labctl/tls/current/fullchain.pem");
    assert!(
        shown.contains("DNS:localhost") && !shown.contains("IP Address"),
        "{shown}"
    );
    bench.labctl(&["stop"]).ok();
    bench.labctl(&["start"]).ok();
    bench.labctl(&["plan", "--detailed-exitcode"]).ok();

    bench.lab.edit("mode: self-signed", "mode: \"off\"");
    let ran = bench.apply();
    assert!(!ran.stderr.contains("localhost"), "{ran}");
    let other = is_found_at_its_address(&bench, "http", "`https` is `off`");
    assert_ne!(other, address);
    ran.says(&[&format!("start page   http://{other}/")]);
}

/// `status` and `doctor` lead to the address that the server has in AWS now, and look at its certificate; gives it.
fn is_found_at_its_address(bench: &Bench, scheme: &str, certificate: &str) -> String {
    let status = bench.labctl(&["status", "--json"]).ok().json();
    let address = status["server"]["public_ip"].as_str().unwrap().to_owned();
    let url = format!("{scheme}://{address}/");
    assert_eq!(status["pages"][0]["url"], url, "{status}");
    // The emulator's addresses lead nowhere.
    let at = |port: u16| format!("{port}={}:{port}", bench.machine.ip);
    let looked = bench.labctl(&["doctor", "--at", &at(80), "--at", &at(443)]);
    assert!(!looked.stdout.contains("/localhost"), "{looked}");
    let has = |name: &str, words: &str| {
        let mut lines = looked.stdout.lines();
        let is_it = |line: &str| line.contains(&format!("  {name}  ")) && line.contains(words);
        assert!(lines.any(is_it), "`{name}`, `{words}`: {looked}");
    };
    has("server", &format!("its start page is {url}"));
    has("certificate", certificate);
    has("port 80", "answers");
    assert_eq!(
        looked.stdout.contains("port 443"),
        scheme == "https",
        "{looked}"
    );
    assert!(!looked.stdout.contains("FAILED  port"), "{looked}");
    address
}
