//! start, stop, status, and a server that somebody stopped.

use crate::support::{Lab, normal, snapshot};

fn power(lab: &Lab) -> String {
    let status = lab.labctl(&["status", "--json"]).ok().json();
    status["server"]["power"]
        .as_str()
        .unwrap_or("none")
        .to_owned()
}

/// The address that an apply ends with.
fn address(lab: &Lab) -> Option<String> {
    let ran = lab.labctl(&["apply", "--yes", "--json"]).ok();
    let done: serde_json::Value = serde_json::from_str(ran.stdout.lines().last().unwrap()).unwrap();
    let outputs = &done["outputs"];
    assert_eq!(outputs["public_ip"].is_string(), outputs["ssh"].is_string());
    outputs["public_ip"].as_str().map(str::to_owned)
}

/// Where `status` says that the start page is, as text and as JSON.
fn start_page(lab: &Lab) -> Option<String> {
    let status = lab.labctl(&["status", "--json"]).ok().json();
    let pages = status["pages"].as_array().unwrap();
    let text = lab.labctl(&["status"]).ok().stdout;
    for page in pages {
        assert!(text.contains(page["url"].as_str().unwrap()), "{text}");
    }
    let page = pages.first()?;
    assert_eq!(page["title"], "start page");
    page["url"].as_str().map(str::to_owned)
}

#[test]
fn no_address_is_told_that_is_not_the_servers() {
    let lab = Lab::full();
    let elastic = address(&lab);
    assert!(elastic.is_some() && elastic == address(&lab));
    assert_eq!(start_page(&lab).as_deref(), Some("https://do4ds-lab.shop/"));
    lab.cut("dns");
    lab.edit("  domain: do4ds-lab.shop\n", "");
    lab.edit("mode: lets-encrypt", "mode: self-signed");
    let url = |address: &Option<String>| address.as_ref().map(|ip| format!("https://{ip}/"));
    assert_eq!(start_page(&lab), url(&elastic));
    lab.edit("elastic_ip: true", "elastic_ip: false");
    assert_ne!(address(&lab), elastic, "it was given back");
    lab.labctl(&["stop"]).ok();
    assert_eq!(start_page(&lab), None, "nobody is there");
    lab.labctl(&["start"]).ok();
    let own = address(&lab);
    assert_eq!(start_page(&lab), url(&own));
    let status = lab.labctl(&["status", "--json"]).ok().json();
    assert_eq!(status["server"]["public_ip"].as_str(), own.as_deref());
    lab.edit("instance_type: t3.micro", "instance_type: t3.small");
    assert_eq!(address(&lab), None, "a restart changes it");
    let status = lab.labctl(&["status", "--json"]).ok().json();
    assert_eq!(
        status["server"]["public_ip"].as_str(),
        address(&lab).as_deref()
    );
    lab.cut("workbench");
    let ran = lab.labctl(&["status"]).ok();
    ran.says(&["  shell    labctl ssh\n"]);
    assert_eq!(start_page(&lab), None);
}

#[test]
fn the_server_can_be_stopped_and_started() {
    let lab = Lab::full();
    let ran = lab.labctl(&["status"]).ok();
    snapshot("status_nothing", &normal(&lab, &ran.stdout));
    lab.labctl(&["stop"])
        .refuses(&["no server", "labctl apply"]);
    lab.labctl(&["start"])
        .refuses(&["no server", "labctl apply"]);
    assert_eq!(power(&lab), "none");

    lab.apply();
    let ran = lab.labctl(&["status"]).ok();
    snapshot("status_running", &normal(&lab, &ran.stdout));
    let ran = lab.labctl(&["status", "--json"]).ok();
    snapshot("status_running_json", &normal(&lab, &ran.stdout));
    assert_eq!(power(&lab), "running");
    let address = lab.ec2("us-east-1", "Action=DescribeAddresses");

    for _ in 0..2 {
        lab.labctl(&["stop"])
            .ok()
            .says(&["is stopped", "labctl start"]);
        assert_eq!(power(&lab), "stopped");
    }
    let ran = lab.labctl(&["status"]).ok();
    snapshot("status_stopped", &normal(&lab, &ran.stdout));

    // Power is not the plan's: nothing is to be done, and a resize leaves it stopped.
    lab.labctl(&["plan", "--detailed-exitcode"]).ok();
    lab.edit("instance_type: t3.micro", "instance_type: t3.small");
    lab.labctl(&["plan"]).ok().says(&["stopped"]);
    lab.apply();
    assert_eq!(power(&lab), "stopped");

    for _ in 0..2 {
        lab.labctl(&["start"]).ok().says(&["the server runs"]);
        assert_eq!(power(&lab), "running");
    }
    assert_eq!(address, lab.ec2("us-east-1", "Action=DescribeAddresses"));
    lab.check_from_outside(&["present", "--instance-type", "t3.small"]);
}
