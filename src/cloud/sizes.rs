//! How large a server has to be, and which instance types are. Pure; the book's rules of thumb ("DevOps for Data Science",
//! chapter 11): a core for each user and one more, and memory for three times the largest data.

use crate::cloud::prices::{self, InstanceType};
use crate::support::money::{HOURS_PER_MONTH, Money};

const GIBIBYTE: u64 = 1024;
const MEMORY_PER_DATA: u64 = 3;

/// What is asked of a server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Need {
    /// How many work at the same time.
    pub users: u32,
    /// The largest data of one of them, in GiB.
    pub data: u32,
    /// What the server may cost a month while it runs, its disk and address not counted.
    pub maximum: Option<Money>,
}

impl Need {
    /// The cores that it takes.
    pub const fn processors(self) -> u32 {
        self.users.saturating_add(1)
    }

    /// The memory that it takes, in GiB.
    pub const fn memory(self) -> u64 {
        MEMORY_PER_DATA * self.data as u64
    }

    fn is_met_by(self, instance_type: &InstanceType) -> bool {
        instance_type.processors >= self.processors()
            && instance_type.memory >= self.memory() * GIBIBYTE
    }
}

/// An instance type to choose from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Size {
    /// The type.
    pub instance_type: InstanceType,
    /// What it costs a month.
    pub monthly: Money,
    /// Whether it is the plan's.
    pub is_current: bool,
    /// Whether the plan's server can become it: its disk boots there.
    pub is_reached: bool,
}

/// The types that suit a need.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sizes {
    /// What is asked.
    pub need: Need,
    /// Those that suit, cheapest first.
    pub fitting: Vec<Size>,
    /// How many would suit, but are not sold in the region or have no known price there.
    pub unpriced: usize,
    /// The plan's own, where the table knows it.
    pub current: Option<Size>,
}

impl Sizes {
    /// Whether the plan's own type suits.
    pub fn is_current_fitting(&self) -> bool {
        self.fitting.iter().any(|size| size.is_current)
    }
}

/// Finds the types of a region that suit, beside the one that the plan has, which is of `architecture`.
pub fn sizes(region: &str, current: &str, architecture: &str, need: Need) -> Sizes {
    let size = |instance_type: &InstanceType| {
        Some(Size {
            monthly: instance_type.hourly?.times(HOURS_PER_MONTH),
            is_current: instance_type.name == current,
            is_reached: instance_type.architecture == architecture,
            instance_type: instance_type.clone(),
        })
    };
    let types = prices::instance_types(region);
    let own = types.iter().find(|one| one.name == current);
    let (priced, unpriced): (Vec<_>, Vec<_>) = types
        .iter()
        .filter(|one| need.is_met_by(one))
        .partition(|one| one.hourly.is_some());
    let mut fitting: Vec<Size> = priced.into_iter().filter_map(size).collect();
    fitting.retain(|size| need.maximum.is_none_or(|maximum| size.monthly <= maximum));
    fitting.sort_by_key(|size| (size.monthly, size.instance_type.name));
    Sizes {
        need,
        current: own.and_then(size),
        unpriced: unpriced.len(),
        fitting,
    }
}

#[cfg(test)]
mod tests {
    use super::{Need, sizes};

    fn names(need: Need) -> Vec<&'static str> {
        let found = sizes("us-east-1", "t3.micro", "x86_64", need);
        found
            .fitting
            .iter()
            .map(|size| size.instance_type.name)
            .collect()
    }

    #[test]
    fn the_books_rules_say_what_suits() {
        let need = Need {
            users: 6,
            data: 4,
            maximum: None,
        };
        assert_eq!((need.processors(), need.memory()), (7, 12));
        let found = sizes("us-east-1", "t3.micro", "x86_64", need);
        assert!(found.fitting.is_sorted_by_key(|size| size.monthly));
        for size in &found.fitting {
            assert!(size.instance_type.processors >= 7);
            assert!(size.instance_type.memory >= 12 * 1024);
            let is_intel = size.instance_type.architecture == "x86_64";
            assert_eq!(size.is_reached, is_intel);
        }
        assert!(!found.is_current_fitting());
        assert_eq!(found.current.unwrap().monthly.to_string(), "7.59");
    }

    #[test]
    fn nothing_suits_that_costs_more_or_has_no_price() {
        let need = Need {
            users: 1,
            data: 1,
            maximum: "31".parse().ok(),
        };
        let cheap = names(need);
        assert!(cheap.contains(&"t3.medium"), "{cheap:?}");
        assert!(!cheap.contains(&"t3.large"), "{cheap:?}");
        let nowhere = sizes("mars-north-1", "t3.micro", "x86_64", need);
        assert_eq!(nowhere.fitting, []);
        assert!(nowhere.unpriced > 100);
    }
}
