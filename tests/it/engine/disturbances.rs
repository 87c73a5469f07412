//! A run that is killed, or whose calls fail, at one call of it.

use std::cell::{Cell, RefCell};
use std::future::Future;
use std::pin::Pin;

use labctl::cloud::api::{Call, CallError, CallFailure, Cloud};
use labctl::cloud::apply::Outcome;
use tokio::sync::Notify;
use tokio::time::Instant;

use crate::memory_cloud::Memory;
use crate::memory_cloud::faulty::{Fault, Faulty};

use super::harness::{ALL, Lab};

/// What happens at one call of a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Disturbance {
    /// The process dies just before the call has its effect.
    DieBefore,
    /// The process dies just after it.
    DieAfter,
    /// The connection breaks after the call had its effect.
    LoseAnswer,
    /// The connection breaks before.
    LoseCall,
}

pub const EACH: [Disturbance; 4] = [
    Disturbance::DieBefore,
    Disturbance::DieAfter,
    Disturbance::LoseAnswer,
    Disturbance::LoseCall,
];

pub const KILLS: [Disturbance; 2] = [Disturbance::DieBefore, Disturbance::DieAfter];

/// What a run does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Work {
    Apply,
    Destroy,
}

/// The connection broke.
pub fn unreachable(call: Call) -> CallError {
    CallError {
        call,
        failure: CallFailure::Unreachable("the connection broke".to_owned()),
        request_id: None,
    }
}

/// How a disturbed run ended.
pub enum Ending {
    /// It came to its end, or gave up with an error.
    Ended,
    /// It was killed.
    Killed,
    /// It made fewer calls than it would have taken to disturb it.
    Undisturbed,
}

async fn work(lab: &Lab, cloud: &dyn Cloud, work: Work) -> Result<Outcome, CallError> {
    match work {
        Work::Apply => lab.apply_through(cloud).await,
        Work::Destroy => lab.destroy_through(cloud, ALL).await,
    }
}

/// Runs until the `at`-th call, which is disturbed.
pub async fn disturb(lab: &Lab, what: Disturbance, at: usize, doing: Work) -> Ending {
    let calls = Cell::new(0);
    let is_dead = Cell::new(false);
    let death = Notify::new();
    let faults = |call: Call| {
        let number = calls.replace(calls.get() + 1);
        if is_dead.get() {
            return Fault::DieBefore;
        }
        if number != at {
            return Fault::Pass;
        }
        let dying = |fault: Fault| {
            is_dead.set(true);
            death.notify_one();
            fault
        };
        match what {
            Disturbance::DieBefore => dying(Fault::DieBefore),
            Disturbance::DieAfter => dying(Fault::DieAfter),
            Disturbance::LoseAnswer => Fault::Lose(unreachable(call)),
            Disturbance::LoseCall => Fault::Fail(unreachable(call)),
        }
    };
    let cloud = Faulty::new(lab.memory.clone(), faults);
    let run: Pin<Box<dyn Future<Output = _> + '_>> = Box::pin(work(lab, &cloud, doing));
    let ending = tokio::select! {
        biased;
        _ = run => Ending::Ended,
        () = death.notified() => Ending::Killed,
    };
    match ending {
        Ending::Ended if calls.get() <= at => Ending::Undisturbed,
        ending => ending,
    }
}

/// A cloud that writes down its calls, and when each was made.
pub struct Recorder {
    pub calls: RefCell<Vec<(Call, Instant)>>,
}

impl Recorder {
    pub const fn new() -> Self {
        Self {
            calls: RefCell::new(Vec::new()),
        }
    }

    pub fn around<'a>(&'a self, memory: &Memory) -> Faulty<Memory, impl Fn(Call) -> Fault + 'a> {
        Faulty::new(memory.clone(), |call| {
            self.calls.borrow_mut().push((call, Instant::now()));
            Fault::Pass
        })
    }

    /// The operations that were called, in their order.
    pub fn operations(&self) -> Vec<&'static str> {
        self.calls
            .borrow()
            .iter()
            .map(|(call, _)| call.operation)
            .collect()
    }

    /// The operations that change something.
    pub fn writes(&self) -> Vec<&'static str> {
        let calls = self.calls.borrow();
        calls
            .iter()
            .filter(|(call, _)| call.writes)
            .map(|(call, _)| call.operation)
            .collect()
    }
}
