//! What absurd answers have shown, each as a test of its own.

use std::sync::Arc;

use labctl::cloud::diff::Change;
use labctl::cloud::planning::{self, Planned};
use labctl::cloud::resources::Kind;
use labctl::report::explain::call_error;

use crate::engine::harness::{self, KEY, laptop, parse};

use super::replay::{self, Exchange, Replay};
use super::{Job, block_on, carry_out, check_set, check_writes, plan_of};

/// A recording of which one answer was written anew.
fn edited(name: &str, operation: &str, edit: impl Fn(&str) -> String) -> Replay {
    let mut exchanges: Vec<Exchange> = replay::recording(name).to_vec();
    let answers = exchanges
        .iter_mut()
        .filter(|one| one.operation == operation);
    let mut count = 0;
    for answer in answers {
        let body = edit(&answer.body);
        count += usize::from(body != answer.body);
        answer.body = body;
    }
    assert!(count > 0, "no answer to {operation} was changed");
    Replay::new(Arc::new(exchanges), None)
}

/// Empties all elements of a name.
fn emptied(body: &str, name: &str) -> String {
    let (start, end) = (format!("<{name}>"), format!("</{name}>"));
    let mut parts = body.split(&start);
    let mut text = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let rest = part.split_once(&end).map_or(part, |(_, rest)| rest);
        text.push_str(&format!("{start}{end}{rest}"));
    }
    text
}

fn planned(job: Job, replay: &Replay) -> Result<Planned, String> {
    let plan = parse(&plan_of(job));
    let aws = replay.clients();
    let planned = block_on(planning::plan(&aws, &plan, &laptop(KEY)));
    planned.map_err(|error| call_error(&error).summary)
}

#[test]
fn what_is_listed_without_an_id_stops_a_plan() {
    for (operation, element) in [
        ("DescribeVpcs", "vpcId"),
        ("DescribeInstances", "instanceId"),
    ] {
        let replay = edited("resize", operation, |body| emptied(body, element));
        let error = planned(Job::Resize, &replay).unwrap_err();
        assert!(error.contains("AWS"), "{error}");
    }
}

#[test]
fn what_is_listed_twice_is_there_once() {
    for (operation, list, kind) in [
        (
            "DescribeSecurityGroups",
            "securityGroupInfo",
            Kind::SecurityGroup,
        ),
        ("DescribeAddresses", "addressesSet", Kind::ElasticIp),
        ("DescribeVpcs", "vpcSet", Kind::Vpc),
    ] {
        let replay = edited("resize", operation, |body| {
            let (start, end) = (format!("<{list}>"), format!("</{list}>"));
            let (head, rest) = body.split_once(&start).unwrap();
            let (items, tail) = rest.split_once(&end).unwrap();
            format!("{head}{start}{items}{items}{end}{tail}")
        });
        let planned = planned(Job::Resize, &replay).unwrap();
        let of_kind = |change: &&Change| change.address().kind() == kind;
        assert_eq!(
            planned.set.changes.iter().filter(of_kind).count(),
            1,
            "{operation}"
        );
        let is_deleted = |change: &Change| {
            change.address().kind() == kind && matches!(change, Change::Delete(_))
        };
        assert!(!planned.set.changes.iter().any(is_deleted), "{operation}");
    }
}

#[test]
fn an_empty_id_of_something_made_is_not_sent_on() {
    for (operation, element, word) in [
        ("AllocateAddress", "allocationId", "allocation id"),
        ("CreateSecurityGroup", "groupId", "group id"),
        ("ImportKeyPair", "keyPairId", "key pair id"),
    ] {
        let replay = edited("fresh", operation, |body| emptied(body, element));
        let ended = block_on(carry_out(Job::Fresh, &replay.clients())).unwrap();
        let complaints = harness::complaints(&ended);
        let said = format!("AWS's answer to {operation} has no {word}");
        assert!(
            complaints.iter().any(|one| one.contains(&said)),
            "{complaints:?}"
        );
        check_writes(Job::Fresh, &replay.asked());
    }
}

#[test]
fn an_empty_id_of_what_joins_two_is_not_sent_on() {
    for (operation, element) in [
        ("DescribeAddresses", "associationId"),
        ("DescribeRouteTables", "routeTableAssociationId"),
        ("DescribeInternetGateways", "vpcId"),
    ] {
        let replay = edited("destroy", operation, |body| emptied(body, element));
        block_on(carry_out(Job::Destroy, &replay.clients()));
        let asked = replay.asked();
        assert!(asked.iter().any(|one| one.writes()), "{operation}");
        check_writes(Job::Destroy, &asked);
    }
}

#[test]
fn what_steers_in_the_type_of_a_record_is_not_printed() {
    let replay = edited("resize", "GET hostedzone/rrset?", |body| {
        body.replace("<Type>TXT</Type>", "<Type>&#13;</Type>")
    });
    let planned = planned(Job::Resize, &replay).unwrap();
    let records = planned.live.resources.iter().map(|live| &live.address);
    let steers = |text: &str| text.contains('\r');
    assert!(
        records
            .map(ToString::to_string)
            .any(|address| steers(&address))
    );
    check_set(&planned);
}

#[test]
fn a_list_that_leads_in_a_circle_is_given_up() {
    let token = "<nextToken>round</nextToken></DescribeVolumesResponse>";
    let replay = edited("resize", "DescribeVolumes", |body| {
        body.replace("</DescribeVolumesResponse>", token)
    });
    let error = planned(Job::Resize, &replay).unwrap_err();
    assert!(error.contains("AWS"), "{error}");
    assert!(replay.asked().len() < 100, "{}", replay.asked().len());
}
