use std::time::Duration;

use insta::assert_snapshot;

use crate::cloud::api::{Call, CallError};
use crate::cloud::apply::{Event, Outcome};
use crate::cloud::diff;
use crate::cloud::graph::{self, Graph, Step};
use crate::cloud::resource::Power;
use crate::cloud::resources::{Kind, StepError};
use crate::report::{OutcomeView, Outputs, json, outcome};

use super::lab::{self, FULL, plain};

fn outputs() -> Outputs {
    Outputs {
        public_ip: Some([198, 51, 100, 4].into()),
        power: Some(Power::Running),
        names: vec![
            "penguins.example".to_owned(),
            "www.penguins.example".to_owned(),
        ],
        name_servers: Some((
            "penguins.example".to_owned(),
            vec!["ns-1.example".to_owned(), "ns-2.example".to_owned()],
        )),
        ssh: Some("ssh -i ~/.ssh/id_ed25519 ubuntu@198.51.100.4".to_owned()),
        bucket: Some("penguins-data".to_owned()),
    }
}

fn no_capacity() -> StepError {
    let call = Call {
        service: "ec2",
        operation: "RunInstances",
        writes: true,
    };
    CallError::service(call, 500, "InsufficientInstanceCapacity", "We have none.").into()
}

fn step(graph: &Graph, kind: Kind) -> &Step {
    let mut steps = graph.steps.iter();
    steps.find(|step| step.addresses[0].kind() == kind).unwrap()
}

fn broken(graph: &Graph) -> Outcome {
    let server = step(graph, Kind::Instance).clone();
    let skipped = graph.steps.iter().filter(|step| step.verb() == "attach");
    Outcome {
        finished: graph.steps.len() - 3,
        failed: vec![(server, no_capacity())],
        skipped: skipped.cloned().collect(),
        withheld: vec![step(graph, Kind::Record).clone()],
        ..Outcome::default()
    }
}

#[test]
fn an_apply_ends_with_what_answers() {
    let set = lab::compare(FULL, &lab::nothing());
    let graph = graph::build(&set).unwrap();
    let ended = Outcome {
        finished: graph.steps.len(),
        ..Outcome::default()
    };
    let outputs = outputs();
    let view = OutcomeView {
        set: &set,
        graph: &graph,
        outcome: &ended,
        outputs: &outputs,
    };
    assert_snapshot!(plain(&outcome::applied(&view)), @r#"
    done: 10 created

      server  198.51.100.4
      names   penguins.example, www.penguins.example
      bucket  s3://penguins-data
      shell   ssh -i ~/.ssh/id_ed25519 ubuntu@198.51.100.4

    next: enter these name servers at the registrar of `penguins.example`; the names answer once it has taken them:
      ns-1.example
      ns-2.example
    "#);
    assert_snapshot!(json::outcome(&view, None).to_string(), @r#"{"event":"done","counts":{"finished":10,"failed":0,"skipped":0,"withheld":0},"failed":[],"withheld":[],"kept":[],"host":null,"outputs":{"public_ip":"198.51.100.4","power":"running","urls":["penguins.example","www.penguins.example"],"name_servers":{"zone":"penguins.example","servers":["ns-1.example","ns-2.example"]},"ssh":"ssh -i ~/.ssh/id_ed25519 ubuntu@198.51.100.4","bucket":"penguins-data"}}"#);
}

#[test]
fn a_stopped_server_has_no_shell() {
    let live = lab::live(FULL);
    let set = lab::compare(FULL, &live);
    let graph = graph::build(&set).unwrap();
    let ended = Outcome::default();
    let outputs = Outputs {
        power: Some(Power::Stopped),
        name_servers: None,
        ..outputs()
    };
    let view = OutcomeView {
        set: &set,
        graph: &graph,
        outcome: &ended,
        outputs: &outputs,
    };
    assert_snapshot!(plain(&outcome::applied(&view)), @r#"
    done: there was nothing to do

      server  stopped; `labctl start` starts it
      names   penguins.example, www.penguins.example
      bucket  s3://penguins-data
    "#);
}

#[test]
fn a_failure_is_told_with_the_way_out_and_what_it_took_along() {
    let set = lab::compare(FULL, &lab::nothing());
    let graph = graph::build(&set).unwrap();
    let ended = broken(&graph);
    let outputs = Outputs {
        bucket: Some("penguins-data".to_owned()),
        ..Outputs::default()
    };
    let view = OutcomeView {
        set: &set,
        graph: &graph,
        outcome: &ended,
        outputs: &outputs,
    };
    assert_snapshot!(plain(&outcome::applied(&view)), @r#"
    ✗ create instance: AWS has no server of this type left in this zone at the moment
      help: run the same command again later, or write another `instance_type`, or another `availability_zone` under `instance`, in the plan
      left out because of it: elastic_ip

    not begun: record.@.A, record.www.CNAME

    failed: 7 of 10 steps done, 1 failed, 1 left out, 1 not begun; what is done stays, and `labctl apply` goes on from here

      bucket  s3://penguins-data
    "#);
    assert_snapshot!(json::outcome(&view, None).to_string(), @r#"{"event":"done","counts":{"finished":7,"failed":1,"skipped":1,"withheld":1},"failed":[{"address":"instance","addresses":["instance"],"action":"create","error":"AWS has no server of this type left in this zone at the moment","help":"run the same command again later, or write another `instance_type`, or another `availability_zone` under `instance`, in the plan","skipped":[{"address":"elastic_ip","addresses":["elastic_ip"],"action":"attach"}]}],"withheld":[{"address":"record.@.A","addresses":["record.@.A","record.www.CNAME"],"action":"create"}],"kept":[],"host":null,"outputs":{"public_ip":null,"power":null,"urls":[],"name_servers":null,"ssh":null,"bucket":"penguins-data"}}"#);
}

#[test]
fn a_destroy_names_what_it_kept() {
    let live = lab::live(FULL);
    let set = diff::destroy(&live.resources, false);
    let graph = graph::build(&set).unwrap();
    let ended = Outcome {
        finished: graph.steps.len(),
        ..Outcome::default()
    };
    let outputs = Outputs::default();
    let view = OutcomeView {
        set: &set,
        graph: &graph,
        outcome: &ended,
        outputs: &outputs,
    };
    assert_snapshot!(plain(&outcome::destroyed(&view)), @r#"
    done: 9 deleted

    = kept zone Z0ABC
      `penguins.example` stays: a new zone would get other name servers
      → `labctl destroy --delete-zone` deletes it
    "#);
}

#[test]
fn each_event_is_one_object() {
    let set = lab::compare(FULL, &lab::nothing());
    let graph = graph::build(&set).unwrap();
    let server = step(&graph, Kind::Instance);
    let records = step(&graph, Kind::Record);
    let error = no_capacity();
    let events = [
        Event::Started(server),
        Event::Progress(server, "waiting for the server to run"),
        Event::Finished(records, Duration::from_millis(1250)),
        Event::Failed(server, &error),
        Event::Skipped(records, server),
        Event::Withheld(records),
    ];
    let lines: Vec<_> = events
        .iter()
        .map(|event| json::event(event).to_string())
        .collect();
    assert_snapshot!(lines.join("\n"), @r#"
    {"event":"started","address":"instance","addresses":["instance"],"action":"create"}
    {"event":"progress","address":"instance","addresses":["instance"],"action":"create","message":"waiting for the server to run"}
    {"event":"finished","address":"record.@.A","addresses":["record.@.A","record.www.CNAME"],"action":"create","seconds":1.25}
    {"event":"failed","address":"instance","addresses":["instance"],"action":"create","error":"AWS has no server of this type left in this zone at the moment","help":"run the same command again later, or write another `instance_type`, or another `availability_zone` under `instance`, in the plan"}
    {"event":"skipped","address":"record.@.A","addresses":["record.@.A","record.www.CNAME"],"action":"create","because":"instance"}
    {"event":"withheld","address":"record.@.A","addresses":["record.@.A","record.www.CNAME"],"action":"create"}
    "#);
}
