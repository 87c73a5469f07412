use std::time::{Duration, Instant};

use insta::assert_snapshot;

use crate::cloud::apply::Event;
use crate::cloud::graph;
use crate::cloud::resources::{Kind, StepError};
use crate::report::progress::narrator::Narrator;

use super::lab::{self, FULL, plain};

#[test]
fn little_is_said_where_there_is_no_terminal() {
    let graph = graph::build(&lab::compare(FULL, &lab::nothing())).unwrap();
    let of = |kind: Kind| {
        let mut steps = graph.steps.iter();
        steps.find(|step| step.addresses[0].kind() == kind).unwrap()
    };
    let (server, records, key) = (of(Kind::Instance), of(Kind::Record), of(Kind::KeyPair));
    let error = StepError::blocked("the server `i-0abc` did not come up", "run it again");
    let waiting = "waiting for the server to run";
    let events = [
        (0, Event::Started(server)),
        (0, Event::Started(key)),
        (1, Event::Finished(key, Duration::from_millis(640))),
        (1, Event::Progress(server, waiting)),
        (6, Event::Progress(server, waiting)),
        (29, Event::Progress(server, waiting)),
        (32, Event::Progress(server, waiting)),
        (37, Event::Progress(server, waiting)),
        (63, Event::Progress(server, waiting)),
        (64, Event::Failed(server, &error)),
        (64, Event::Skipped(records, server)),
        (64, Event::Withheld(key)),
        (64, Event::Finished(records, Duration::from_secs(125))),
    ];
    let start = Instant::now();
    let told = |has_bars: bool| {
        let mut narrator = Narrator::new(has_bars, false);
        let lines = events.iter().filter_map(|(second, event)| {
            narrator.line(event, start + Duration::from_secs(*second))
        });
        plain(&lines.collect::<Vec<_>>().join("\n"))
    };
    assert_snapshot!(told(false), @r#"
    ✓ key_pair created in 0.6 s
      instance: waiting for the server to run
      instance: still waiting for the server to run (32 s)
      instance: still waiting for the server to run (63 s)
    ✗ instance failed: the server `i-0abc` did not come up
    - record.@.A, record.www.CNAME left out, because instance failed
    - key_pair not begun
    ✓ record.@.A, record.www.CNAME created in 2 min 5 s
    "#);
    assert_snapshot!(told(true), @r#"
    ✓ key_pair created in 0.6 s
    ✗ instance failed: the server `i-0abc` did not come up
    - record.@.A, record.www.CNAME left out, because instance failed
    - key_pair not begun
    ✓ record.@.A, record.www.CNAME created in 2 min 5 s
    "#);
}
