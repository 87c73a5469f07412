//! What limits are written in: an amount of money, and a pattern of instance types.

use std::fmt;
use std::str::FromStr;

use crate::support::money::Money;

use super::{Invalid, text};

const CURRENCY: &str = " USD";

/// An amount of money in US dollars, written `60 USD` or `12.50 USD`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Dollars(Money);

impl Dollars {
    /// Gives the amount.
    pub const fn money(self) -> Money {
        self.0
    }
}

impl FromStr for Dollars {
    type Err = Invalid;

    fn from_str(text: &str) -> Result<Self, Invalid> {
        let invalid = |reason| Invalid::new(reason, "write dollars and cents, such as `60 USD`");
        let number = text
            .strip_suffix(CURRENCY)
            .ok_or_else(|| invalid("it is not in `USD`, as AWS's prices are"))?;
        let money: Money = number
            .parse()
            .map_err(|_| invalid("it is not a number of dollars"))?;
        match money == Money::of_cents(money.cents()) {
            true => Ok(Self(money)),
            false => Err(invalid("it has parts of a cent")),
        }
    }
}

impl fmt::Display for Dollars {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}{CURRENCY}", self.0)
    }
}

text! {
    /// A pattern of instance types, in which `*` stands for any letters: `t3.*`.
    TypePattern;
}

impl TypePattern {
    /// Says whether an instance type is of the pattern.
    pub fn covers(&self, instance_type: &str) -> bool {
        let Some((start, rest)) = self.0.split_once('*') else {
            return self.0 == instance_type;
        };
        let Some(mut left) = instance_type.strip_prefix(start) else {
            return false;
        };
        let (middle, end) = rest.rsplit_once('*').unwrap_or(("", rest));
        for part in middle.split('*') {
            match left.split_once(part) {
                Some((_, behind)) => left = behind,
                None => return false,
            }
        }
        left.ends_with(end)
    }
}

impl FromStr for TypePattern {
    type Err = Invalid;

    fn from_str(text: &str) -> Result<Self, Invalid> {
        let is_plain = |letter: char| {
            letter.is_ascii_lowercase() || letter.is_ascii_digit() || ".-*".contains(letter)
        };
        if !text.is_empty() && text.chars().all(is_plain) {
            return Ok(Self(text.to_owned()));
        }
        Err(Invalid::new(
            "instance types have small letters, digits, `.` and `-`",
            "write a type, or a pattern such as `t3.*`",
        ))
    }
}

#[cfg(test)]
mod tests {
    use super::TypePattern;

    #[test]
    fn a_star_stands_for_any_letters() {
        let covers = |pattern: &str, name| pattern.parse::<TypePattern>().unwrap().covers(name);
        for (pattern, name) in [
            ("t3.*", "t3.micro"),
            ("*", "m7i.large"),
            ("m*.large", "m7i.large"),
            ("m*i*.*large", "m7i-flex.2xlarge"),
            ("t3.micro", "t3.micro"),
        ] {
            assert!(covers(pattern, name), "{pattern} {name}");
        }
        for (pattern, name) in [
            ("t3.*", "t3a.micro"),
            ("t3", "t3.micro"),
            ("*.micro", "t3.small"),
            ("t*.t*", "t3.micro"),
            ("t3.micro*micro", "t3.micro"),
        ] {
            assert!(!covers(pattern, name), "{pattern} {name}");
        }
    }
}
