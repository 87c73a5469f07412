//! How long it is tried to reach a server, and how often.

use std::time::{Duration, Instant};

use crate::support::backoff::Backoff;

/// How long to wait for what.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Deadlines {
    /// How long a server may take until SSH answers.
    pub reach: Duration,
    /// How long a server that answers may still deny the key: cloud-init may not have put it there yet.
    pub denied: Duration,
    /// How long an open link may be silent.
    pub silence: Duration,
    /// How long to wait for the host keys on the console, where none is pinned: a new server prints them within some
    /// minutes.
    pub console: Duration,
}

/// The server answers a keepalive within each third of this.
const SILENCE: Duration = Duration::from_secs(30);

impl Deadlines {
    /// For a server that was just created or started.
    pub const BOOTING: Self = Self {
        reach: Duration::from_secs(300),
        denied: Duration::from_secs(60),
        silence: SILENCE,
        console: Duration::from_secs(300),
    };
    /// For a server that ought to answer, and may be on its way there.
    pub const STARTED: Self = Self {
        reach: Duration::from_secs(60),
        denied: Duration::from_secs(30),
        silence: SILENCE,
        console: Duration::ZERO,
    };
    /// For a server that has been running.
    pub const RUNNING: Self = Self {
        reach: Duration::from_secs(10),
        denied: Duration::ZERO,
        silence: SILENCE,
        console: Duration::ZERO,
    };
}

/// Newer servers lock out who fails too often: each denial counts for five
/// seconds, from fifteen on (sshd_config(5), `PerSourcePenalties`).
const DENIED_PAUSES: [Duration; 3] = [
    Duration::from_secs(1),
    Duration::from_secs(2),
    Duration::from_secs(5),
];
/// A try costs little, and the user waits.
const LONGEST_PAUSE: Duration = Duration::from_secs(2);
/// A try that hangs longer is given up for a fresh one: a server that comes up
/// answers a new packet sooner than one that is sent again ever more seldom.
const LONGEST_TRY: Duration = Duration::from_secs(15);

/// Watches the deadlines of one login.
#[derive(Debug)]
pub struct Watch {
    deadlines: Deadlines,
    started: Instant,
    asked: Duration,
    answered: Option<Instant>,
    denials: usize,
    backoff: Backoff,
    /// How many tries there were.
    pub tries: u32,
}

impl Watch {
    /// Starts.
    pub fn new(deadlines: Deadlines) -> Self {
        Self {
            deadlines,
            started: Instant::now(),
            asked: Duration::ZERO,
            answered: None,
            denials: 0,
            backoff: Backoff::default(),
            tries: 0,
        }
    }

    /// How long it has been tried, without the time in which a user was asked, or the console.
    pub fn waited(&self) -> Duration {
        self.started.elapsed().saturating_sub(self.asked)
    }

    /// Leaves out time that a user took to answer, or the console.
    pub fn leave_out(&mut self, asked: Duration) {
        self.asked += asked;
    }

    /// How long the next try may take.
    pub fn limit(&self) -> Duration {
        let left = self.deadlines.reach.saturating_sub(self.waited());
        left.clamp(Duration::from_secs(1), LONGEST_TRY)
    }

    /// Notes that the server answers.
    pub fn has_answered(&mut self) {
        self.answered.get_or_insert_with(Instant::now);
    }

    /// Waits before the next try to reach the server; says whether there is one.
    pub async fn pause(&mut self) -> bool {
        let pause = self.backoff.next_pause().min(LONGEST_PAUSE);
        pause_within(pause, self.deadlines.reach, self.waited()).await
    }

    /// Waits after a denial; says whether there is a next try.
    pub async fn pause_denied(&mut self) -> bool {
        let last = DENIED_PAUSES.len() - 1;
        let pause = DENIED_PAUSES[self.denials.min(last)];
        self.denials += 1;
        let since = self.answered.map(|first| first.elapsed());
        pause_within(pause, self.deadlines.denied, since.unwrap_or_default()).await
    }
}

/// Waits, but not beyond the deadline, at which there is a last try.
async fn pause_within(pause: Duration, deadline: Duration, waited: Duration) -> bool {
    let left = deadline.saturating_sub(waited);
    tokio::time::sleep(pause.min(left)).await;
    !left.is_zero()
}
