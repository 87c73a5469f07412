//! A running labctl and the way between it and AWS, on which everything can go wrong.

use std::cell::Cell;
use std::pin::pin;
use std::time::Duration;

use labctl::cloud::api::{Call, CallError, CallFailure};
use tokio::sync::Notify;
use tokio::time::{sleep, timeout};

use crate::memory_cloud::Memory;
use crate::memory_cloud::faulty::{Fault, Faults, Faulty};

use super::hands;
use super::sim::Sim;
use super::tricks::Trick;

/// How often things go wrong, in so many of a thousand calls.
#[derive(Clone, Copy, Default)]
pub struct Weather {
    kill: u32,
    refuse: u32,
    lose: u32,
    repeat: u32,
    meddle: u32,
    /// The longest time that a request or an answer is on its way.
    slow: u32,
}

impl Weather {
    /// Nothing goes wrong.
    pub const CALM: Self = Self {
        kill: 0,
        refuse: 0,
        lose: 0,
        repeat: 0,
        meddle: 0,
        slow: 0,
    };

    /// Makes up the weather of one action.
    pub fn make(sim: &Sim) -> Self {
        let chance = &sim.chance;
        let slow = chance.pick(&[0, 0, 60, 400]);
        let some = |percent: u32, rates: &[u32]| match chance.percent(percent) {
            true => chance.pick(rates),
            false => 0,
        };
        Self {
            kill: some(40, &[10, 20, 60]),
            refuse: some(35, &[5, 20]),
            lose: some(35, &[5, 20]),
            repeat: some(35, &[10, 40]),
            meddle: some(40, &[15, 50]),
            slow,
        }
    }

    /// The same on a way that takes time, so that two processes come between each other.
    pub fn with_ways(self) -> Self {
        Self {
            slow: self.slow.max(150),
            ..self
        }
    }
}

/// One process of labctl.
pub struct Process<'a> {
    sim: &'a Sim,
    name: char,
    weather: Weather,
    trick: Option<Trick>,
    is_dead: Cell<bool>,
    death: Notify,
}

/// A run may take days of its own time; more than that is no end at all.
const LONGEST: Duration = Duration::from_hours(48);

impl<'a> Process<'a> {
    pub fn new(sim: &'a Sim, name: char, weather: Weather) -> Self {
        Self {
            sim,
            name,
            weather,
            trick: None,
            is_dead: Cell::new(false),
            death: Notify::new(),
        }
    }

    /// A process that something goes wrong with that the checks have to notice.
    pub fn tricked(sim: &'a Sim, trick: Option<Trick>) -> Self {
        Self {
            trick,
            ..Self::new(sim, 'z', Weather::CALM)
        }
    }

    /// The cloud as the process sees it.
    pub fn cloud(&self) -> Faulty<Memory, &Self> {
        Faulty::new(self.sim.memory.clone(), self)
    }

    /// Runs until the work ends or the process is killed. What is on its way
    /// then arrives still; its answers reach nobody.
    pub async fn live<T>(&self, work: impl Future<Output = T>) -> Option<T> {
        let mut work = pin!(work);
        let ended = timeout(LONGEST, async {
            tokio::select! {
                biased;
                done = &mut work => Some(done),
                () = self.death.notified() => None,
            }
        });
        match ended.await {
            Ok(Some(done)) => Some(done),
            Ok(None) => {
                let _ = timeout(Duration::from_millis(500), work).await;
                None
            }
            Err(_) => {
                self.sim.complain("a run does not end");
                None
            }
        }
    }

    fn fault(&self, call: Call) -> Fault {
        let Weather {
            kill,
            refuse,
            lose,
            repeat,
            meddle,
            ..
        } = self.weather;
        let drawn = self.sim.chance.below(1000);
        let mut bound = 0;
        let mut is_in = |rate: u32| {
            bound += rate;
            drawn < bound
        };
        if is_in(kill) {
            return self.kill();
        }
        if is_in(refuse) {
            return Fault::Fail(self.refusal(call));
        }
        if is_in(lose) {
            return self.broken(call);
        }
        if is_in(repeat) {
            self.sim.count("requests sent twice");
            return Fault::Repeat;
        }
        if is_in(meddle) {
            hands::meddle(self.sim, call, self.weather.slow > 0);
        }
        Fault::Pass
    }

    fn kill(&self) -> Fault {
        self.is_dead.set(true);
        self.death.notify_one();
        match self.sim.chance.percent(50) {
            true => {
                self.sim.count("kills before the effect");
                Fault::DieBefore
            }
            false => {
                self.sim.count("kills after the effect");
                Fault::DieAfter
            }
        }
    }

    fn refusal(&self, call: Call) -> CallError {
        if self.sim.chance.percent(50) {
            self.sim.count("throttled");
            let (status, code) = match call.service {
                "ec2" => (503, "RequestLimitExceeded"),
                "s3" => (503, "SlowDown"),
                _ => (400, "Throttling"),
            };
            return CallError::service(call, status, code, "Rate exceeded");
        }
        self.sim.count("answered by a 5xx");
        CallError::service(call, 500, "InternalError", "An internal error has occurred")
    }

    fn broken(&self, call: Call) -> Fault {
        let failure = match self.sim.chance.percent(50) {
            true => CallFailure::Unreachable("the connection broke".to_owned()),
            false => CallFailure::TimedOut,
        };
        let error = CallError {
            call,
            failure,
            request_id: None,
        };
        match self.sim.chance.percent(70) {
            true => {
                self.sim.count("answers lost after the effect");
                Fault::Lose(error)
            }
            false => {
                self.sim.count("requests lost");
                Fault::Fail(error)
            }
        }
    }
}

impl Faults for &Process<'_> {
    fn decide(&self, call: Call) -> Fault {
        if self.is_dead.get() {
            return Fault::DieBefore;
        }
        self.sim.count("calls");
        let fault = match self.trick {
            Some(trick) => trick.decide(call),
            None => self.fault(call),
        };
        self.sim.log(|| match &fault {
            Fault::Pass => format!("    {} {call}", self.name),
            fault => format!("    {} {call} *** {fault:?}", self.name),
        });
        fault
    }

    fn delays(&self, _call: Call) -> (Duration, Duration) {
        let slow = self.weather.slow;
        if slow == 0 {
            return (Duration::ZERO, Duration::ZERO);
        }
        let time = || Duration::from_millis(self.sim.chance.below(slow).into());
        (time(), time())
    }

    fn done(&self, call: Call) {
        if let Some(trick) = self.trick {
            trick.done(self.sim, call);
        }
    }
}

/// Lets some time pass, short or long.
pub async fn rest(sim: &Sim) {
    let seconds = sim.chance.pick(&[0, 0, 1, 10, 60, 60, 300, 7200]);
    sleep(Duration::from_secs(seconds)).await;
}
