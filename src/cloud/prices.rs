//! AWS's price lists as two tables of the repository, and what a charge comes to. Pure, and AWS is not asked.
//!
//! `types.tsv` has the instance types and is made by `scripts/prices`; `other.tsv` is kept by hand. A price that is not
//! there is unknown, which is said, and never counted as nothing. The tables are read where a price is needed.

use crate::support::money::{HOURS_PER_MONTH, Money};

use super::stakes::Charge;

const TYPES: &str = include_str!("prices/types.tsv");
const OTHER: &str = include_str!("prices/other.tsv");
/// The columns before those of the regions: type, processors, memory, architecture.
const FACTS: usize = 4;
/// The region of a price that is the same everywhere.
const EVERYWHERE: &str = "*";

/// The day of the table of instance types, such as `2025-03-02`.
pub fn date() -> &'static str {
    let mut lines = TYPES.lines();
    lines
        .find_map(|line| line.strip_prefix("# date: "))
        .unwrap_or("an unknown day")
}

/// What a charge comes to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Price {
    /// So much a month.
    Known(Money),
    /// It costs something, and the tables do not say what.
    Unknown,
    /// It depends on how much the lab is used; so much for each GB and month, where that is known.
    ByUse(Option<Money>),
}

/// Says what a charge comes to for a month in a region, for a server that runs all the time.
pub fn price(region: &str, charge: &Charge) -> Price {
    let known = match charge {
        Charge::Instance(name) => hourly(region, name).map(|price| price.times(HOURS_PER_MONTH)),
        Charge::Volume { volume_type, size } => {
            other(region, &format!("volume.{volume_type}")).map(|price| price.times(*size))
        }
        Charge::Address | Charge::OwnAddress => {
            other(region, "address").map(|price| price.times(HOURS_PER_MONTH))
        }
        Charge::Zone => other(region, "zone"),
        Charge::Storage => return Price::ByUse(other(region, "storage")),
        Charge::Use(_) => return Price::ByUse(None),
    };
    known.map_or(Price::Unknown, Price::Known)
}

/// An instance type, as far as the table knows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InstanceType {
    /// Its name.
    pub name: &'static str,
    /// How many virtual processors it has.
    pub processors: u32,
    /// Its memory in MiB.
    pub memory: u64,
    /// `x86_64` or `arm64`.
    pub architecture: &'static str,
    /// What it costs by the hour in the region.
    pub hourly: Option<Money>,
}

/// Lists the instance types of which processors and memory are known, with their prices in a region.
pub fn instance_types(region: &str) -> Vec<InstanceType> {
    let column = column(region);
    rows()
        .filter_map(|line| {
            let fields: Vec<&str> = line.split('\t').collect();
            Some(InstanceType {
                name: fields.first()?,
                processors: fields.get(1)?.parse().ok()?,
                memory: fields.get(2)?.parse().ok()?,
                architecture: fields.get(3)?,
                hourly: column.and_then(|column| fields.get(column)?.parse().ok()),
            })
        })
        .collect()
}

fn hourly(region: &str, instance_type: &str) -> Option<Money> {
    let column = column(region)?;
    let mut lines = rows().map(|line| line.split('\t'));
    let mut fields = lines.find(|fields| {
        fields
            .clone()
            .next()
            .is_some_and(|name| name == instance_type)
    })?;
    fields.nth(column)?.parse().ok()
}

/// The column of a region in the table of types.
fn column(region: &str) -> Option<usize> {
    let header = body(TYPES).next()?;
    let mut names = header.split('\t').enumerate().skip(FACTS);
    names.find_map(|(column, name)| (name == region).then_some(column))
}

fn rows() -> impl Iterator<Item = &'static str> {
    body(TYPES).skip(1)
}

fn body(table: &'static str) -> impl Iterator<Item = &'static str> {
    table.lines().filter(|line| !line.starts_with('#'))
}

/// A price of the table that is kept by hand. China has a price list and a currency of its own.
fn other(region: &str, item: &str) -> Option<Money> {
    let is_in_china = region.starts_with("cn-");
    body(OTHER).skip(1).find_map(|line| {
        let mut fields = line.split('\t');
        let (name, place, price) = (fields.next()?, fields.next()?, fields.next()?);
        let is_here = place == region || (place == EVERYWHERE && !is_in_china);
        (name == item && is_here).then(|| price.parse().ok())?
    })
}

#[cfg(test)]
mod tests {
    use super::{OTHER, Price, TYPES, body, column, date, instance_types, price, rows};
    use crate::cloud::stakes::Charge;
    use crate::support::money::Money;

    fn instance(name: &str) -> Charge {
        Charge::Instance(name.to_owned())
    }

    #[test]
    fn every_field_of_the_tables_is_read() {
        let columns = body(TYPES).next().unwrap().split('\t').count();
        for line in rows() {
            let fields: Vec<_> = line.split('\t').collect();
            assert_eq!(fields.len(), columns, "{line}");
            let mut prices = fields[super::FACTS..]
                .iter()
                .filter(|price| !price.is_empty());
            assert!(prices.all(|price| price.parse::<Money>().is_ok()), "{line}");
        }
        for line in body(OTHER).skip(1) {
            let fields: Vec<_> = line.split('\t').collect();
            let [_, region, price, day, source] = fields[..] else {
                panic!("{line}")
            };
            assert!(price.parse::<Money>().is_ok(), "{line}");
            assert!(region == "*" || column(region).is_some(), "{line}");
            assert!(source.starts_with("https://aws.amazon.com/"), "{line}");
            assert!(day == "-" || day.starts_with("202"), "{line}");
        }
        assert_eq!(date().len(), 10);
    }

    #[test]
    fn an_unknown_price_is_not_nothing() {
        let gp3 = Charge::Volume {
            volume_type: "gp3".to_owned(),
            size: 30,
        };
        assert_eq!(price("us-east-1", &instance("x99.large")), Price::Unknown);
        assert_eq!(price("mars-north-1", &instance("t3.micro")), Price::Unknown);
        assert_eq!(price("eu-south-2", &gp3), Price::Unknown);
        assert_eq!(price("cn-north-1", &Charge::Address), Price::Unknown);
        assert_eq!(
            price("us-east-1", &Charge::Use("traffic")),
            Price::ByUse(None)
        );
    }

    /// Figures that apache-libcloud has with the surcharge of dedicated tenancy are left out or put right.
    #[test]
    fn no_price_is_that_of_dedicated_tenancy() {
        let monthly = |name| match price("us-east-1", &instance(name)) {
            Price::Known(money) => Some(money.to_string()),
            _ => None,
        };
        // On demand 0.2016 and 0.192; dedicated 0.22176 and 0.2112.
        assert_eq!(monthly("m7i.xlarge").as_deref(), Some("147.17"));
        assert_eq!(monthly("m6i.xlarge").as_deref(), Some("140.16"));
        // On demand 0.8064; all that the tables have is 0.88704.
        assert_eq!(monthly("m7i.4xlarge"), None);
    }

    #[test]
    fn types_have_their_processors_and_memory() {
        let types = instance_types("us-east-1");
        let of = |name| types.iter().find(|one| one.name == name).unwrap();
        assert_eq!(
            (of("t3.small").processors, of("t3.small").memory),
            (2, 2048)
        );
        assert_eq!(of("m7g.large").architecture, "arm64");
        assert_eq!(of("r7i.xlarge").hourly, "0.2646".parse().ok());
    }
}
