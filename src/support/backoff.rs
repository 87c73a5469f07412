//! Pauses between looks at something that takes its time.

use std::time::Duration;

/// Growing, random pauses: "decorrelated jitter".
///
/// Each pause lies between the base and three times the one before, so that
/// many waiters do not look in step (AWS Architecture Blog, "Exponential
/// Backoff And Jitter").
#[derive(Debug, Clone)]
pub struct Backoff {
    previous: Duration,
}

const BASE: Duration = Duration::from_millis(250);
const CAP: Duration = Duration::from_secs(5);

impl Default for Backoff {
    fn default() -> Self {
        Self { previous: BASE }
    }
}

impl Backoff {
    /// Chooses the next pause.
    pub fn next_pause(&mut self) -> Duration {
        let highest = (self.previous * 3).min(CAP);
        let spread = highest.saturating_sub(BASE);
        self.previous = BASE + spread.mul_f64(fastrand::f64());
        self.previous
    }

    /// Waits for the next pause.
    pub async fn pause(&mut self) {
        tokio::time::sleep(self.next_pause()).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_stay_between_base_and_cap() {
        let mut backoff = Backoff::default();
        for _ in 0..1000 {
            let pause = backoff.next_pause();
            assert!((BASE..=CAP).contains(&pause), "{pause:?}");
        }
    }
}
