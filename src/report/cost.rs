//! What a lab costs, as text and as JSON.

use serde_json::{Value, json};

use crate::cloud::estimate::{ByUse, Estimate, Item};
use crate::cloud::prices;
use crate::support::money::{HOURS_PER_MONTH, Money};

use super::style::{DIM, STRONG, UPDATE, paint};
use super::words::harmless;

/// Writes what each resource of a plan costs by the hour and the month, and what is not counted.
pub fn text(lab: &str, region: &str, estimate: &Estimate) -> String {
    let place = paint(DIM, format!("in {region}"));
    let mut sections = vec![format!("{} {place}", paint(STRONG, format!("lab {lab}")))];
    sections.push(table(&estimate.items).join("\n"));
    sections.push(totals(estimate).join("\n"));
    if !estimate.by_use.is_empty() {
        let lines = estimate.by_use.iter().map(by_use);
        let title = std::iter::once("not counted, because it depends on use".to_owned());
        sections.push(title.chain(lines).collect::<Vec<_>>().join("\n"));
    }
    sections.push(paint(DIM, basis()));
    sections.join("\n\n")
}

/// Says whose prices they are, of which day.
pub fn basis() -> String {
    format!(
        "USD, on demand, a month of {} hours, prices of {}, without taxes",
        HOURS_PER_MONTH,
        prices::date()
    )
}

fn table(items: &[Item]) -> Vec<String> {
    let rows: Vec<[String; 4]> = items.iter().map(row).collect();
    let title = ["", "", "an hour", "a month"].map(str::to_owned);
    let rows: Vec<_> = std::iter::once(title).chain(rows).collect();
    let width = |column: usize| {
        let cells = rows.iter().map(|row| row[column].chars().count());
        cells.max().unwrap_or_default()
    };
    let widths = [width(0), width(1), width(2), width(3)];
    let line = |[address, what, hour, month]: &[String; 4]| {
        let [first, second, third, fourth] = widths;
        format!("  {address:<first$}  {what:<second$}  {hour:>third$}  {month:>fourth$}")
    };
    rows.iter().map(line).collect()
}

fn row(item: &Item) -> [String; 4] {
    let hour = item.monthly.map(|money| money.per_hour().fine());
    let month = item.monthly.map(|money| money.to_string());
    let unknown = || "unknown".to_owned();
    [
        harmless(&item.address.to_string()),
        harmless(&item.what),
        hour.unwrap_or_else(unknown),
        month.unwrap_or_else(unknown),
    ]
}

fn totals(estimate: &Estimate) -> Vec<String> {
    let is_unknown = |item: &&Item| item.monthly.is_none();
    let line = |title: &str, is_meant: fn(&Item) -> bool, money: Money| {
        let mut meant = estimate.items.iter().filter(|item| is_meant(item));
        let least = if meant.any(|item| item.monthly.is_none()) {
            "at least "
        } else {
            ""
        };
        let month = paint(STRONG, format!("{least}{money} USD a month"));
        format!("  {title:<8} {month}, {} an hour", money.per_hour().fine())
    };
    let mut lines = match estimate.has_server() {
        true => vec![
            line("running", |_| true, estimate.running()),
            line(
                "stopped",
                |item| !item.ends_when_stopped,
                estimate.stopped(),
            ),
        ],
        false => vec![line("in all", |_| true, estimate.running())],
    };
    let unknown = estimate.items.iter().filter(is_unknown);
    lines.extend(unknown.map(|item| {
        format!(
            "  {} {} ({}), whose price labctl does not know here",
            paint(UPDATE, "without"),
            harmless(&item.what),
            harmless(&item.address.to_string())
        )
    }));
    lines
}

fn by_use(one: &ByUse) -> String {
    let price = one
        .per_gigabyte
        .map(|price| format!(", {} USD a month for each GB", price.fine()));
    format!(
        "  {}: {}{}",
        harmless(&one.address.to_string()),
        one.what,
        price.unwrap_or_default()
    )
}

/// Gives the document of `labctl cost --json`.
pub fn document(lab: &str, region: &str, estimate: &Estimate) -> Value {
    let item = |item: &Item| {
        json!({
            "address": item.address,
            "what": item.what,
            "monthly": item.monthly.map(Money::dollars),
            "while": if item.ends_when_stopped { "running" } else { "always" },
        })
    };
    let by_use = |one: &ByUse| {
        json!({
            "address": one.address,
            "what": one.what,
            "per_gigabyte": one.per_gigabyte.map(Money::fine),
        })
    };
    json!({
        "format": 1,
        "lab": lab,
        "region": region,
        "currency": "USD",
        "prices": prices::date(),
        "hours": HOURS_PER_MONTH,
        "items": estimate.items.iter().map(item).collect::<Vec<_>>(),
        "running": estimate.running().dollars(),
        "stopped": estimate.stopped().dollars(),
        "unknown": estimate.unpriced(),
        "not_counted": estimate.by_use.iter().map(by_use).collect::<Vec<_>>(),
    })
}
