//! Answers of AWS that are well-formed and absurd: ids that are missing, lists that are empty or
//! come twice, states that nobody knows, numbers and texts without measure.
//!
//! labctl plans and applies on them through the real SDK. It may fail with a sentence; it may not
//! panic, ask without an end, change what is not its own, nor delete what holds data.

mod found;
mod replay;
mod xml;

use std::sync::Arc;
use std::time::{Duration, Instant};

use fastrand::Rng;
use labctl::cloud::api::aws::Aws;
use labctl::cloud::apply::Outcome;
use labctl::cloud::diff::Change;
use labctl::cloud::graph;
use labctl::cloud::planning::{self, Planned};
use labctl::cloud::resources::Scope;
use labctl::report::explain::{call_error, step_error};
use labctl::report::{OutcomeView, Outputs, PlanView, StatusView, json, outcome, status, text};

pub use self::replay::clients;
use self::replay::{Asked, Changing, Exchange, Recorder, Replay};
use super::runner::{Memory, Numbers, note, tell};
use super::targets::check_harmless;
use crate::engine::harness::{self, KEY, WHOLE, laptop, parse};
use crate::support::Lab;

/// What somebody else's things are called, in every recording.
const FOREIGN: &str = "foreign";
/// What labctl may wait for, all in all; virtual time.
const LONGEST: Duration = Duration::from_secs(24 * 3600);
/// Operations that end what holds data, or an address that others know.
const LOSSES: [&str; 6] = [
    "TerminateInstances",
    "DeleteVolume",
    "ReleaseAddress",
    "DELETE ?",
    "DELETE hostedzone?",
    "POST ?delete",
];

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Job {
    /// Makes a lab in an account where there is none.
    Fresh,
    /// Changes one.
    Resize,
    /// Takes one down, but keeps the zone.
    Destroy,
}

const JOBS: [(Job, &str); 3] = [
    (Job::Fresh, "fresh"),
    (Job::Resize, "resize"),
    (Job::Destroy, "destroy"),
];

fn whole() -> String {
    WHOLE.replace("penguins-data", "labctl-recorded-penguins")
}

fn plan_of(job: Job) -> String {
    match job {
        Job::Fresh | Job::Destroy => whole(),
        Job::Resize => whole()
            .replace("t3.micro", "t3.small")
            .replace("port: 443", "port: 8443")
            .replace(
                "name: www, type: CNAME, value: \"@\"",
                "name: mail, type: A, value: elastic-ip",
            ),
    }
}

/// Does as the command does, as far as it goes: refuses what the command refuses.
async fn carry_out(job: Job, aws: &Aws<'_>) -> Option<Outcome> {
    let plan = parse(&plan_of(job));
    let planned = match job {
        Job::Destroy => planning::plan_destroy(aws, Scope::of(&plan), false).await,
        Job::Fresh | Job::Resize => planning::plan(aws, &plan, &laptop(KEY)).await,
    };
    let planned = match planned {
        Ok(planned) => planned,
        Err(error) => {
            let told = call_error(&error);
            assert!(!told.summary.is_empty());
            return None;
        }
    };
    check_set(&planned);
    let set = &planned.set;
    let loses = set.changes.iter().any(Change::loses_data) && job != Job::Destroy;
    if !set.refusals.is_empty() || set.conflicts().next().is_some() || loses {
        return None;
    }
    let graph = graph::build(set).ok()?;
    let ended = harness::run(aws, &planned, false).await;
    for (_, error) in &ended.failed {
        assert!(!step_error(error).summary.is_empty());
    }
    let outputs = Outputs::default();
    let view = OutcomeView {
        set,
        graph: &graph,
        outcome: &ended,
        outputs: &outputs,
    };
    check_harmless(&outcome::applied(&view));
    check_harmless(&outcome::destroyed(&view));
    Some(ended)
}

/// What is planned names things by ids, each once; and what is shown of it steers no terminal.
fn check_set(planned: &Planned) {
    let scope = &planned.scope;
    let view = PlanView {
        lab: &scope.lab,
        region: &scope.region,
        account: &planned.live.account,
        set: &planned.set,
        live: &planned.live,
        notes: &planned.notes,
        allowed: &[],
        full: true,
    };
    check_harmless(&text::change_set(&view));
    check_harmless(&text::destroy(&view));
    assert!(json::plan(&view, serde_json::Value::Null).is_object());
    check_harmless(&status::status(&StatusView {
        lab: &scope.lab,
        region: &scope.region,
        account: &planned.live.account,
        live: &planned.live,
        pages: &[],
        shell: None,
    }));
    let mut ids = Vec::new();
    for change in planned.set.changes.iter().filter(|change| change.is_work()) {
        let Some(live) = change.live() else { continue };
        assert!(!live.id.is_empty(), "{} has no id", live.address);
        assert!(!live.id.contains(FOREIGN), "{} is of others", live.id);
        ids.push((live.address.kind(), &live.id));
    }
    let count = ids.len();
    ids.sort();
    ids.dedup();
    assert_eq!(ids.len(), count, "something is dealt with twice: {ids:?}");
}

/// No call that changes anything is about what is not the lab's, about nothing, or loses data.
fn check_writes(job: Job, asked: &[Asked]) {
    for one in asked.iter().filter(|one| one.writes()) {
        let Asked { operation, request } = one;
        assert!(
            !request.contains(FOREIGN),
            "it touches what is not its own: {request}"
        );
        let is_loss = LOSSES.contains(&operation.as_str());
        let is_data = operation == "DELETE hostedzone?" || operation == "POST ?delete";
        assert!(
            !is_loss || (job == Job::Destroy && !is_data),
            "it loses data: {request}"
        );
        let body = request.splitn(3, ' ').nth(2).unwrap_or_default();
        for (key, value) in body.split('&').filter_map(|pair| pair.split_once('=')) {
            let key = key.trim_end_matches(|sign: char| sign == '.' || sign.is_ascii_digit());
            let names = ["Id", "Arn", "KeyName", "RoleName", "GroupName"];
            let is_name = names.iter().any(|name| key.ends_with(name));
            assert!(!is_name || !value.is_empty(), "`{key}` is empty: {request}");
        }
    }
}

fn block_on<T>(future: impl Future<Output = T>) -> T {
    let mut builder = tokio::runtime::Builder::new_current_thread();
    let runtime = builder.enable_all().start_paused(true).build().unwrap();
    runtime
        .block_on(async { tokio::time::timeout(LONGEST, future).await })
        .expect("it waits without an end")
}

#[test]
fn recorded_answers_are_taken_as_aws_gave_them() {
    for (job, name) in JOBS {
        let replay = Replay::new(replay::recording(name), None);
        let ended = block_on(carry_out(job, &replay.clients())).unwrap();
        assert_eq!(harness::complaints(&ended), Vec::<String>::new(), "{name}");
        assert!(ended.finished >= 3, "{name}: {}", ended.finished);
        check_writes(job, &replay.asked());
    }
}

#[test]
fn absurd_answers_lead_to_no_wrong_write() {
    let recordings: Vec<(Job, Arc<Vec<Exchange>>)> = JOBS
        .iter()
        .map(|(job, name)| (*job, replay::recording(name)))
        .collect();
    let memory = Memory::now();
    let start = Instant::now();
    let (mut changed, mut writes, mut slowest) = (0, 0, Duration::ZERO);
    let count = Numbers::asked(150).each(|number| {
        note("answers", number);
        let mut chance = Rng::with_seed(number);
        let (job, exchanges) = &recordings[chance.usize(0..recordings.len())];
        let percent = [2, 5, 20, 60][chance.usize(0..4)];
        let replay = Replay::new(Arc::clone(exchanges), Some(Changing { chance, percent }));
        let begun = Instant::now();
        let ended = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
            block_on(carry_out(*job, &replay.clients()));
            check_writes(*job, &replay.asked());
        }));
        assert!(
            ended.is_ok(),
            "LABCTL_FUZZ_INPUT={number} of `{job:?}` failed"
        );
        slowest = slowest.max(begun.elapsed());
        changed += replay.changed();
        writes += replay.asked().iter().filter(|one| one.writes()).count();
    });
    tell("answers", count, start.elapsed(), slowest, memory.grown());
    tell_more(changed, writes);
    assert!(memory.grown() < 512 << 20, "{} MiB", memory.grown() >> 20);
}

#[expect(clippy::print_stderr, reason = "the figures of a run are its result")]
fn tell_more(changed: usize, writes: usize) {
    eprintln!("answers: {changed} answers were changed, {writes} calls that write were checked");
}

/// Records the answers anew, from the emulator.
#[test]
#[ignore = "writes the corpus anew: cargo nextest run --locked --run-ignored only fuzz::answers"]
fn recording_anew() {
    let lab = Lab::new(&whole());
    let endpoint = format!("http://127.0.0.1:{}", lab.port());
    let zone = "<CreateHostedZoneRequest xmlns=\"https://route53.amazonaws.com/doc/2013-04-01/\">\
                <Name>foreign.test</Name><CallerReference>foreign</CallerReference></CreateHostedZoneRequest>";
    lab.rest("route53", "POST", "/2013-04-01/hostedzone", zone);
    for (job, name) in JOBS {
        let (client, recorder) = Recorder::client();
        let aws = replay::clients(&endpoint, &lab.account, client);
        let mut builder = tokio::runtime::Builder::new_current_thread();
        let runtime = builder.enable_all().build().unwrap();
        let ended = runtime.block_on(carry_out(job, &aws)).unwrap();
        assert_eq!(harness::complaints(&ended), Vec::<String>::new(), "{name}");
        replay::keep(name, &recorder.noted.lock().unwrap());
        if job == Job::Fresh {
            add_foreign_record(&lab);
        }
    }
}

/// Reads a lab as it is, through clients that may be recorded or replayed.
async fn planned(aws: &Aws<'_>) -> Planned {
    planning::plan(aws, &parse(&whole()), &laptop(KEY))
        .await
        .unwrap()
}

/// What reads a lab reads one that an earlier labctl made, too: its marks, names and policies are kept here as they were.
/// A change that is meant to change labs that exist is told in the CHANGELOG, and only then are the answers recorded anew.
#[test]
fn a_lab_of_an_earlier_labctl_is_planned_empty() {
    let replay = Replay::new(replay::recording("earlier"), None);
    let planned = block_on(planned(&replay.clients()));
    let work = planned.set.changes.iter().filter(|change| change.is_work());
    let work: Vec<_> = work.map(|change| change.address().to_string()).collect();
    assert_eq!(work, Vec::<String>::new());
    let there = planned.live.resources.len();
    assert!(there > 10, "the recording has lost its lab: {there}");
}

#[test]
#[ignore = "writes the lab anew: cargo nextest run --locked --run-ignored only recording_a_lab"]
fn recording_a_lab_for_later_versions() {
    let lab = Lab::new(&whole());
    let endpoint = format!("http://127.0.0.1:{}", lab.port());
    let mut builder = tokio::runtime::Builder::new_current_thread();
    let runtime = builder.enable_all().build().unwrap();
    let aws = |client| replay::clients(&endpoint, &lab.account, client);
    let ended = runtime.block_on(carry_out(Job::Fresh, &aws(Recorder::client().0)));
    assert_eq!(harness::complaints(&ended.unwrap()), Vec::<String>::new());
    let (client, recorder) = Recorder::client();
    runtime.block_on(planned(&aws(client)));
    replay::keep("earlier", &recorder.noted.lock().unwrap());
}

fn add_foreign_record(lab: &Lab) {
    let zones = lab.rest("route53", "GET", "/2013-04-01/hostedzone", "");
    let ids = crate::support::elements(&zones, "Id");
    let names = crate::support::elements(&zones, "Name");
    let place = names
        .iter()
        .position(|name| name == "penguins.shop.")
        .unwrap();
    let record = "<ChangeResourceRecordSetsRequest xmlns=\"https://route53.amazonaws.com/doc/2013-04-01/\">\
        <ChangeBatch><Changes><Change><Action>CREATE</Action><ResourceRecordSet><Name>foreign.penguins.shop</Name>\
        <Type>A</Type><TTL>60</TTL><ResourceRecords><ResourceRecord><Value>192.0.2.1</Value></ResourceRecord>\
        </ResourceRecords></ResourceRecordSet></Change></Changes></ChangeBatch></ChangeResourceRecordSetsRequest>";
    lab.rest(
        "route53",
        "POST",
        &format!("/2013-04-01{}/rrset", ids[place]),
        record,
    );
}
