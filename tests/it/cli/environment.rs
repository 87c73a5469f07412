//! What the environment says of AWS, and cannot be meant so.

use std::io::{BufRead as _, BufReader};
use std::process::{Command, Stdio};

use crate::host::machine::SMALL;
use crate::support::{Lab, python};

/// As a file of Windows leaves it that a shell has read.
#[test]
fn line_end_in_a_variable_is_refused_by_its_name() {
    for name in [
        "AWS_ACCESS_KEY_ID",
        "AWS_SECRET_ACCESS_KEY",
        "AWS_SESSION_TOKEN",
        "AWS_PROFILE",
        "AWS_ENDPOINT_URL",
    ] {
        let lab = Lab::offline()
            .with("AWS_ACCESS_KEY_ID", "AKIA")
            .with(name, "http://x\r");
        lab.write("lab.yaml", SMALL);
        for arguments in [
            &["plan"][..],
            &["apply", "--yes"],
            &["destroy", "--yes"],
            &["status"],
        ] {
            lab.labctl(arguments)
                .refuses(&[name, "the end of a line", "Windows"]);
        }
    }
}

#[test]
fn credentials_that_break_the_sdk_are_an_error() {
    let lab = Lab::offline()
        .without("AWS_SECRET_ACCESS_KEY")
        .without("AWS_SESSION_TOKEN");
    lab.write("lab.yaml", SMALL);
    let key = r#"{"Version": 1, "AccessKeyId": "AKIA\r", "SecretAccessKey": "x"}"#;
    lab.write("key.json", key);
    let config = format!(
        "[default]\ncredential_process = cat {}\n",
        lab.folder.join("key.json").display()
    );
    lab.write("home/.aws/config", &config);
    let lab = lab.with("PATH", "/usr/bin:/bin");
    let ran = lab.labctl(&["plan"]);
    ran.refuses(&[
        "the AWS SDK could not carry",
        "check what is set for AWS",
        "credentials",
    ]);
}

/// A lab whose credentials come from files alone.
fn with_profiles(config: &str) -> Lab {
    let lab = Lab::offline()
        .without("AWS_SECRET_ACCESS_KEY")
        .without("AWS_SESSION_TOKEN")
        .with("PATH", "/usr/bin:/bin");
    lab.write("lab.yaml", SMALL);
    lab.write("home/.aws/config", config);
    lab
}

/// The first line says why, and not only `-v`.
#[test]
fn missing_credentials_are_told_by_their_cause() {
    let lab = with_profiles(
        r#"
[profile good]
aws_access_key_id = AKIAX
aws_secret_access_key = x
[profile login]
login_session = arn:aws:iam::123456789012:user/Admin
[profile mfa]
role_arn = arn:aws:iam::123456789012:role/x
source_profile = good
mfa_serial = arn:aws:iam::123456789012:mfa/me
[profile process]
credential_process = sh -c "echo 'vault: you are not logged in' >&2; exit 3"
[profile team]
role_arn = arn:aws:iam::123456789012:role/x
source_profile = gone
[profile sso]
sso_session = corp
sso_account_id = 123456789012
sso_role_name = Admin
[sso-session corp]
sso_region = us-east-1
sso_start_url = https://corp.awsapps.com/start
[profile lost]
sso_session = none
sso_account_id = 123456789012
sso_role_name = Admin
"#,
    );
    for (profile, words) in [
        ("nope", "error: there is no AWS profile `nope`"),
        ("login", "error: the AWS profile is one of `aws login`"),
        (
            "mfa",
            "error: the AWS profile `mfa` takes a code of the MFA device `arn:aws:iam::123456789012:mfa/me`",
        ),
        ("process", "failed (status 3): vault: you are not logged in"),
        (
            "team",
            "error: the AWS profile `team` takes its credentials from the profile `gone`",
        ),
        ("sso", "error: there is no login by SSO"),
        (
            "lost",
            "error: the AWS profile names the SSO session `none`",
        ),
    ] {
        lab.labctl(&["--profile", profile, "plan"])
            .refuses(&[words, "help:"]);
    }
}

/// A server of HTTPS that says its port, and answers as no AWS does.
const HTTPS_SERVER: &str = "
import http.server, ssl
server = http.server.ThreadingHTTPServer(('127.0.0.1', 0), http.server.SimpleHTTPRequestHandler)
context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
context.load_cert_chain('ca.pem', 'key.pem')
server.socket = context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
print(server.server_port, flush=True)
server.serve_forever()
";

/// What opens encrypted connections has a certificate of its own, which can be named.
#[test]
fn a_certificate_of_ones_own_can_be_trusted() {
    let lab = Lab::offline().with("AWS_ACCESS_KEY_ID", "AKIAX");
    lab.write("lab.yaml", SMALL);
    let made = Command::new("openssl")
        .args("req -x509 -newkey rsa:2048 -nodes -days 30 -subj /CN=proxy -keyout key.pem -out ca.pem".split(' '))
        .args(["-addext", "subjectAltName=IP:127.0.0.1"])
        .args(["-addext", "basicConstraints=critical,CA:FALSE"])
        .current_dir(&lab.folder)
        .output()
        .unwrap();
    assert!(made.status.success(), "{made:?}");
    let mut server = Command::new(python())
        .args(["-c", HTTPS_SERVER])
        .current_dir(&lab.folder)
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let mut port = String::new();
    let stdout = server.stdout.take().unwrap();
    BufReader::new(stdout).read_line(&mut port).unwrap();
    let port = port.trim();
    let mut lab = lab.with("AWS_ENDPOINT_URL", &format!("https://127.0.0.1:{port}"));
    let ran = lab.labctl(&["-v", "plan"]);
    let file = |lab: &Lab, name: &str| lab.folder.join(name).display().to_string();
    lab.set("AWS_CA_BUNDLE", &file(&lab, "none.pem"));
    let without = lab.labctl(&["plan"]);
    lab.set("AWS_CA_BUNDLE", &file(&lab, "ca.pem"));
    let trusted = lab.labctl(&["plan"]);
    let _ = server.kill();
    let _ = server.wait();
    ran.exits(1).says(&[
        "error: the TLS handshake failed",
        "AWS_CA_BUNDLE",
        "retries: 0",
    ]);
    without.refuses(&["`AWS_CA_BUNDLE` names the file", "none.pem"]);
    trusted.refuses(&["is not AWS"]);
}
