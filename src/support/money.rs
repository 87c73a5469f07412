//! An amount of money, in whole millionths of a US dollar, so that sums are exact.

use std::fmt;
use std::iter::Sum;
use std::ops::{Add, Sub};
use std::str::FromStr;

/// AWS's price lists for servers count a month as so many hours.
pub const HOURS_PER_MONTH: i64 = 730;

const PER_DOLLAR: i64 = 1_000_000;
const PER_CENT: i64 = PER_DOLLAR / 100;
const DECIMALS: usize = 6;

/// An amount in US dollars, exact to the millionth.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Money(i64);

impl Money {
    /// No money.
    pub const ZERO: Self = Self(0);

    /// The amount of so many cents.
    pub const fn of_cents(cents: i64) -> Self {
        Self(PER_CENT.saturating_mul(cents))
    }

    /// The amount so many times; the largest there is where that is too much to hold.
    pub const fn times(self, count: i64) -> Self {
        Self(self.0.saturating_mul(count))
    }

    /// What a month's amount is for an hour.
    pub const fn per_hour(self) -> Self {
        Self(rounded(self.0, HOURS_PER_MONTH))
    }

    /// Writes the amount exactly to a hundredth of a cent, as prices by the hour are.
    pub fn fine(self) -> String {
        let steps = rounded(self.0, PER_CENT / 100);
        let sign = if steps < 0 { "-" } else { "" };
        let steps = steps.unsigned_abs();
        format!("{sign}{}.{:04}", steps / 10_000, steps % 10_000)
    }

    /// Writes the amount with its sign, as a difference.
    pub fn signed(self) -> String {
        match self.cents() {
            0 => "±0.00".to_owned(),
            1.. => format!("+{self}"),
            _ => format!("−{}", Self(-self.0)),
        }
    }

    /// The amount in whole cents.
    pub const fn cents(self) -> i64 {
        rounded(self.0, PER_CENT)
    }

    /// The amount in dollars and cents, for JSON.
    pub fn dollars(self) -> f64 {
        self.cents() as f64 / 100.0
    }
}

/// Divides, halves away from zero.
const fn rounded(value: i64, by: i64) -> i64 {
    let half = if value < 0 { -by / 2 } else { by / 2 };
    value.saturating_add(half) / by
}

impl fmt::Display for Money {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let cents = self.cents();
        let sign = if cents < 0 { "-" } else { "" };
        let cents = cents.unsigned_abs();
        formatter.pad(&format!("{sign}{}.{:02}", cents / 100, cents % 100))
    }
}

/// A text that is no amount of money.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not an amount of dollars, such as `12` or `0.0104`")]
pub struct NotMoney(String);

impl FromStr for Money {
    type Err = NotMoney;

    /// Reads a decimal number of dollars, of at most six decimals.
    fn from_str(text: &str) -> Result<Self, NotMoney> {
        let wrong = || NotMoney(text.to_owned());
        let (whole, decimals) = text.split_once('.').unwrap_or((text, "0"));
        let is_number =
            |part: &str| !part.is_empty() && part.bytes().all(|digit| digit.is_ascii_digit());
        if !is_number(whole) || !is_number(decimals) || decimals.len() > DECIMALS {
            return Err(wrong());
        }
        let whole: i64 = whole.parse().map_err(|_| wrong())?;
        let decimals: i64 = format!("{decimals:0<DECIMALS$}")
            .parse()
            .map_err(|_| wrong())?;
        let amount = whole.checked_mul(PER_DOLLAR);
        let amount = amount.and_then(|amount| amount.checked_add(decimals));
        amount.map(Self).ok_or_else(wrong)
    }
}

impl Add for Money {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        Self(self.0.saturating_add(other.0))
    }
}

impl Sub for Money {
    type Output = Self;

    fn sub(self, other: Self) -> Self {
        Self(self.0.saturating_sub(other.0))
    }
}

impl Sum for Money {
    fn sum<I: Iterator<Item = Self>>(amounts: I) -> Self {
        amounts.fold(Self::ZERO, Add::add)
    }
}

#[cfg(test)]
mod tests {
    use super::Money;

    fn money(text: &str) -> Money {
        text.parse().unwrap()
    }

    #[test]
    fn amounts_are_exact_and_rounded_once() {
        let month = money("0.0104").times(730);
        assert_eq!(month.to_string(), "7.59");
        assert_eq!(month.per_hour().fine(), "0.0104");
        let tenth: Money = std::iter::repeat_n(money("0.1"), 10).sum();
        assert_eq!(tenth, money("1"));
        assert_eq!(money("0.005").to_string(), "0.01");
        assert_eq!(money("0.004999").to_string(), "0.00");
    }

    #[test]
    fn differences_have_their_sign() {
        assert_eq!((money("2") - money("0.5")).signed(), "+1.50");
        assert_eq!((money("0.5") - money("2")).signed(), "−1.50");
        assert_eq!(Money::ZERO.signed(), "±0.00");
        assert_eq!((money("0.5") - money("2")).to_string(), "-1.50");
    }

    #[test]
    fn what_is_no_amount_is_refused() {
        for text in [
            "",
            "-1",
            "1.",
            ".5",
            "1e3",
            "1,000",
            "0.0000001",
            "9999999999999999999",
        ] {
            assert!(text.parse::<Money>().is_err(), "{text}");
        }
    }
}
