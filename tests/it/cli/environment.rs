//! What the environment says of AWS, and cannot be meant so.

use crate::host::machine::SMALL;
use crate::support::Lab;

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
