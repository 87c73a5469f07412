//! When the server may restart by itself.

use std::fmt;
use std::str::FromStr;

use super::Invalid;

/// The words for days, and what systemd calls them (systemd.time(7), "Calendar Events").
const DAYS: [(&str, &str); 8] = [
    ("daily", "Mon..Sun"),
    ("mon", "Mon"),
    ("tue", "Tue"),
    ("wed", "Wed"),
    ("thu", "Thu"),
    ("fri", "Fri"),
    ("sat", "Sat"),
    ("sun", "Sun"),
];

/// A day of the week, or every day, with a time in UTC.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RebootWindow {
    day: usize,
    hour: u8,
    minute: u8,
}

impl RebootWindow {
    /// The days as systemd writes them, such as `Sun`.
    pub const fn days(&self) -> &'static str {
        DAYS[self.day].1
    }

    /// The time of the day, such as `04:00`.
    pub fn time(&self) -> String {
        format!("{:02}:{:02}", self.hour, self.minute)
    }
}

impl FromStr for RebootWindow {
    type Err = Invalid;

    fn from_str(text: &str) -> Result<Self, Invalid> {
        let parsed = text.split_once(' ').and_then(|(day, time)| {
            let day = DAYS.iter().position(|(word, _)| *word == day)?;
            let (hour, minute) = time.split_once(':')?;
            let number = |text: &str, limit: u8| {
                let is_plain = text.len() == 2 && text.bytes().all(|byte| byte.is_ascii_digit());
                let number: u8 = text.parse().ok().filter(|_| is_plain)?;
                (number < limit).then_some(number)
            };
            Some(Self {
                day,
                hour: number(hour, 24)?,
                minute: number(minute, 60)?,
            })
        });
        parsed.ok_or_else(|| {
            Invalid::new(
                "it is not a day and a time",
                "write `sun 04:00`, with one of `mon` to `sun` or `daily`, and a time in UTC",
            )
        })
    }
}

impl fmt::Display for RebootWindow {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{} {}", DAYS[self.day].0, self.time())
    }
}
