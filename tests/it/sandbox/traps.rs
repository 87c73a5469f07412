//! In the sandbox nothing that is set for AWS itself counts: a rehearsal must never reach an account.

use std::io::Read;
use std::net::TcpListener;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use super::rehearsal::Rehearsal;
use crate::host::machine::SMALL;

/// Listens, and counts who comes.
fn trap() -> (String, Arc<AtomicUsize>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    let caught = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&caught);
    thread::spawn(move || {
        for stream in listener.incoming() {
            count.fetch_add(1, Ordering::SeqCst);
            let _ = stream.unwrap().read(&mut [0; 16]);
        }
    });
    (address, caught)
}

#[test]
fn nothing_that_is_set_for_aws_counts() {
    let mut rehearsal = Rehearsal::without_engine(SMALL);
    let (address, caught) = trap();
    let config = format!(
        "[default]\nregion = eu-west-1\nendpoint_url = {address}\nservices = all\n\
         credential_process = touch credentials-were-asked-for\n\
         [profile other]\nendpoint_url = {address}\nservices = all\n\
         credential_process = touch credentials-were-asked-for\n\
         [services all]\nec2 =\n  endpoint_url = {address}\ns3 =\n  endpoint_url = {address}\n"
    );
    rehearsal.lab.write("home/.aws/config", &config);
    let folder = rehearsal.lab.folder.display().to_string();
    let lab = &mut rehearsal.lab;
    let names = "AWS_ENDPOINT_URL AWS_ENDPOINT_URL_EC2 AWS_ENDPOINT_URL_S3 AWS_ENDPOINT_URL_IAM \
                 AWS_ENDPOINT_URL_ROUTE_53 AWS_ENDPOINT_URL_STS HTTP_PROXY HTTPS_PROXY ALL_PROXY \
                 http_proxy https_proxy all_proxy AWS_CONTAINER_CREDENTIALS_FULL_URI";
    for name in names.split_whitespace() {
        lab.set(name, &address);
    }
    lab.set("AWS_PROFILE", "other");
    lab.set("AWS_REGION", "eu-west-1");
    lab.set("AWS_CONFIG_FILE", &format!("{folder}/home/.aws/config"));
    lab.set("AWS_ACCESS_KEY_ID", "AKIAREALREALREALREAL");

    rehearsal.labctl(&["apply", "--yes"]).ok();
    rehearsal.labctl(&["plan", "--detailed-exitcode"]).ok();
    rehearsal.labctl(&["status"]).ok().says(&["us-east-1"]);
    rehearsal
        .labctl(&["destroy", "--yes", "--delete-zone"])
        .ok();
    assert_eq!(
        caught.load(Ordering::SeqCst),
        0,
        "somebody went into the trap"
    );
    assert!(
        !rehearsal
            .lab
            .folder
            .join("credentials-were-asked-for")
            .exists()
    );
}

/// The trap itself works: without the sandbox the same settings do lead there.
#[test]
fn without_the_sandbox_the_same_settings_count() {
    let mut rehearsal = Rehearsal::without_engine(SMALL);
    let (address, caught) = trap();
    rehearsal.lab.set("LABCTL_SANDBOX", "0");
    rehearsal.lab.set("AWS_ENDPOINT_URL", &address);
    rehearsal
        .lab
        .set("AWS_ACCESS_KEY_ID", "AKIAREALREALREALREAL");
    rehearsal.lab.set("LABCTL_MY_IP", "203.0.113.7");
    rehearsal.labctl(&["plan"]).exits(1);
    assert!(caught.load(Ordering::SeqCst) > 0);
}

/// What others may have put there is neither run nor read.
#[test]
fn folders_in_which_others_write_are_refused() {
    for variable in ["XDG_CACHE_HOME", "XDG_STATE_HOME"] {
        let mut rehearsal = Rehearsal::without_engine(SMALL);
        let folder = rehearsal.lab.folder.join("shared");
        std::fs::create_dir(&folder).unwrap();
        std::os::unix::fs::chown(&folder, Some(65534), None).unwrap();
        rehearsal.lab.set(variable, &folder.display().to_string());
        rehearsal.labctl(&["plan"]).refuses(&[
            "cannot use `",
            "other users can write to `",
            variable,
        ]);
        assert_eq!(rehearsal.processes(), Vec::<String>::new());
    }
}

/// What leads out of the sandbox again is refused.
#[test]
fn options_that_lead_elsewhere_are_refused() {
    let rehearsal = Rehearsal::without_engine(SMALL);
    for options in [["--profile", "prod"], ["--connect-to", "192.0.2.1"]] {
        let ran = rehearsal.labctl(&["plan", options[0], options[1]]);
        ran.refuses(&[options[0], "--sandbox", "exclude each other"]);
    }
    assert_eq!(rehearsal.processes(), Vec::<String>::new());
}
