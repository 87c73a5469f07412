//! Amounts with a unit: disk, memory, processor, time.

use std::fmt;
use std::str::FromStr;

use super::Invalid;

/// The size of a disk in GiB (1024³ bytes).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Gibibytes(u32);

/// An amount of memory in bytes, written as systemd writes it: `700M`, `2G`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct MemorySize(u64);

/// A share of the processor in thousandths of one core.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CpuLimit(u32);

/// A length of time in seconds, written `90s`, `30m`, `1h` or `2d`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct DurationSetting(u32);

impl Gibibytes {
    /// The book's disk, and the default.
    pub(in crate::plan) const DEFAULT: Self = Self(30);

    /// Gives the number of GiB.
    pub fn get(self) -> u32 {
        self.0
    }
}

impl MemorySize {
    /// Gives the number of bytes.
    pub fn bytes(self) -> u64 {
        self.0
    }
}

impl CpuLimit {
    /// Gives the number of cores.
    pub fn cores(self) -> f64 {
        f64::from(self.0) / 1000.0
    }
}

impl DurationSetting {
    /// Gives the number of seconds.
    pub fn as_secs(self) -> u32 {
        self.0
    }
}

/// Splits `30 GiB` into its number and its unit.
fn split(text: &str) -> (&str, &str) {
    let end = text
        .find(|letter: char| !letter.is_ascii_digit())
        .unwrap_or(text.len());
    (&text[..end], text[end..].trim_start_matches(' '))
}

impl FromStr for Gibibytes {
    type Err = Invalid;

    fn from_str(text: &str) -> Result<Self, Invalid> {
        let (number, unit) = split(text);
        let gibibytes = match (number.parse::<u32>(), unit) {
            (Ok(number), "GiB") => Some(number),
            (Ok(number), "TiB") => number.checked_mul(1024),
            (Ok(_), "") => {
                return Err(Invalid::new(
                    "it has no unit",
                    format!("write `{number} GiB`"),
                ));
            }
            (Ok(_), "GB" | "G" | "gb" | "g" | "gib" | "Gib" | "GIB") => {
                let reason = format!("disks are measured in GiB, not `{unit}`");
                return Err(Invalid::new(reason, format!("write `{number} GiB`")));
            }
            _ => None,
        };
        gibibytes.filter(|size| *size > 0).map(Self).ok_or_else(|| {
            Invalid::new(
                "it is not a whole number with a unit",
                "write a number of GiB or TiB, such as `30 GiB`",
            )
        })
    }
}

impl fmt::Display for Gibibytes {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{} GiB", self.0)
    }
}

/// The units of memory, which systemd counts in steps of 1024 (systemd.resource-control(5), `MemoryMax=`).
const MEMORY_UNITS: [(&str, u64); 4] = [
    ("T", 1 << 40),
    ("G", 1 << 30),
    ("M", 1 << 20),
    ("K", 1 << 10),
];

impl FromStr for MemorySize {
    type Err = Invalid;

    fn from_str(text: &str) -> Result<Self, Invalid> {
        let (number, unit) = split(text);
        let size = MEMORY_UNITS
            .iter()
            .find(|(word, _)| *word == unit)
            .map(|(_, size)| size);
        let bytes = number
            .parse::<u64>()
            .ok()
            .zip(size)
            .and_then(|(number, size)| number.checked_mul(*size));
        match bytes {
            Some(bytes) if (1 << 20..1 << 62).contains(&bytes) => Ok(Self(bytes)),
            Some(_) => Err(Invalid::new(
                "no service can run with that",
                "write an amount such as `700M` or `2G`",
            )),
            None => Err(Invalid::new(
                "it is not a whole number with one of the units `M` and `G`",
                "write an amount such as `700M` or `2G` (of 1024 × 1024 and 1024 × 1024 × 1024 bytes)",
            )),
        }
    }
}

impl fmt::Display for MemorySize {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match MEMORY_UNITS
            .iter()
            .find(|(_, size)| self.0.is_multiple_of(*size))
        {
            Some((unit, size)) => write!(formatter, "{}{unit}", self.0 / size),
            None => write!(formatter, "{}", self.0),
        }
    }
}

impl FromStr for CpuLimit {
    type Err = Invalid;

    fn from_str(text: &str) -> Result<Self, Invalid> {
        let digits =
            |part: &str| !part.is_empty() && part.bytes().all(|digit| digit.is_ascii_digit());
        let (whole, fraction) = text.split_once('.').unwrap_or((text, "0"));
        let thousandths = if digits(whole) && digits(fraction) && fraction.len() <= 3 {
            format!("{whole}{fraction:0<3}").parse::<u32>().ok()
        } else {
            None
        };
        thousandths
            .filter(|share| (1..=1_000_000).contains(share))
            .map(Self)
            .ok_or_else(|| {
                Invalid::new(
                    "it is not a number of processor cores above 0",
                    "write a number such as `0.5`, `1.0` or `2`",
                )
            })
    }
}

impl fmt::Display for CpuLimit {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}", self.cores())
    }
}

const TIME_UNITS: [(&str, u32); 5] = [
    ("y", 365 * 86_400),
    ("d", 86_400),
    ("h", 3_600),
    ("m", 60),
    ("s", 1),
];

impl FromStr for DurationSetting {
    type Err = Invalid;

    fn from_str(text: &str) -> Result<Self, Invalid> {
        let (number, unit) = split(text);
        if unit.is_empty() && !number.is_empty() {
            return Err(Invalid::new(
                "it has no unit",
                format!("write `{number}m` for minutes or `{number}s` for seconds"),
            ));
        }
        let size = TIME_UNITS
            .iter()
            .find(|(word, _)| *word == unit)
            .map(|(_, size)| size);
        let seconds = number
            .parse::<u32>()
            .ok()
            .zip(size)
            .and_then(|(number, size)| number.checked_mul(*size));
        seconds
            .filter(|seconds| *seconds > 0)
            .map(Self)
            .ok_or_else(|| {
                Invalid::new(
                    "it is not a whole number with one of the units `s`, `m`, `h`, `d` and `y`",
                    "write a time such as `30m` or `1h`",
                )
            })
    }
}

impl fmt::Display for DurationSetting {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match TIME_UNITS
            .iter()
            .find(|(_, size)| self.0.is_multiple_of(*size))
        {
            Some((unit, size)) => write!(formatter, "{}{unit}", self.0 / size),
            None => write!(formatter, "{}s", self.0),
        }
    }
}
