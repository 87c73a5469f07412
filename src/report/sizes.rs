//! The instance types that suit, as text and as JSON.

use serde_json::{Value, json};

use crate::cloud::prices;
use crate::cloud::sizes::{Size, Sizes};

use super::cost::basis;
use super::style::{CREATE, DIM, HELP, STRONG, paint};
use super::words::{counted, harmless};

/// How many are shown unless all are wanted.
const SHOWN: usize = 12;
const MEBIBYTES: u64 = 1024;

/// Writes those that suit, cheapest first.
pub fn text(region: &str, current: &str, sizes: &Sizes, shows_all: bool) -> String {
    let need = sizes.need;
    let users = counted(need.users as usize, "user");
    let (processors, memory) = (need.processors(), need.memory());
    let mut sections = vec![format!(
        "{} {}",
        paint(
            STRONG,
            format!("{processors} cores and {memory} GiB of memory")
        ),
        paint(
            DIM,
            format!("for {users} and {} GiB of data, in {region}", need.data)
        )
    )];
    let shown = if shows_all { usize::MAX } else { SHOWN };
    if sizes.fitting.is_empty() {
        sections.push("no type with a known price suits".to_owned());
    } else {
        let rows = sizes.fitting.iter().take(shown).map(row);
        let title = format!(
            "    {:<16} {:>5} {:>9} {:>9} {:>9}",
            "", "cores", "memory", "an hour", "a month"
        );
        let rows: Vec<_> = std::iter::once(title).chain(rows).collect();
        sections.push(rows.join("\n"));
    }
    let mut remarks = Vec::new();
    if sizes.fitting.len() > shown {
        let more = sizes.fitting.len() - shown;
        remarks.push(format!(
            "{more} more suit and cost more; `--all` shows them"
        ));
    }
    if sizes.unpriced > 0 {
        remarks.push(format!(
            "of {} more that would suit, labctl knows no price in {region}",
            counted(sizes.unpriced, "type")
        ));
    }
    if !sizes.is_current_fitting() {
        let price = sizes.current.as_ref().map(|size| size.monthly);
        let price = price.map(|price| format!(", {price} USD a month"));
        remarks.push(format!(
            "the plan's `{}` is not among them{}",
            harmless(current),
            price.unwrap_or_default()
        ));
    }
    if sizes
        .fitting
        .iter()
        .take(shown)
        .any(|size| !size.is_reached)
    {
        remarks.push(
            "`new server`: of another architecture, which a resize does not reach".to_owned(),
        );
    }
    let remarks: Vec<_> = remarks.iter().map(|remark| paint(DIM, remark)).collect();
    if !remarks.is_empty() {
        sections.push(remarks.join("\n"));
    }
    sections.push(paint(DIM, basis()));
    sections.push(format!(
        "{} write one as `instance_type`; `labctl plan` says what the change means",
        paint(HELP, "→")
    ));
    sections.join("\n\n")
}

fn row(size: &Size) -> String {
    let one = &size.instance_type;
    let mark = if size.is_current {
        paint(CREATE, "*")
    } else {
        " ".to_owned()
    };
    let note = match (size.is_current, size.is_reached) {
        (true, _) => "  the plan's",
        (false, true) => "",
        (false, false) => "  new server",
    };
    let hourly = one.hourly.map(|price| price.fine()).unwrap_or_default();
    let monthly = size.monthly.to_string();
    let memory = format!("{} GiB", gibibytes(one.memory));
    format!(
        "  {mark} {:<16} {:>5} {memory:>9} {hourly:>9} {monthly:>9}{note}",
        one.name, one.processors
    )
}

/// Half a GiB is the only part of one that occurs.
fn gibibytes(mebibytes: u64) -> String {
    match mebibytes % MEBIBYTES {
        0 => (mebibytes / MEBIBYTES).to_string(),
        rest => format!("{}.{}", mebibytes / MEBIBYTES, rest * 10 / MEBIBYTES),
    }
}

/// Gives the document of `labctl sizes --json`, with all that suit.
pub fn document(region: &str, current: &str, sizes: &Sizes) -> Value {
    let size = |size: &Size| {
        json!({
            "instance_type": size.instance_type.name,
            "cores": size.instance_type.processors,
            "memory_mib": size.instance_type.memory,
            "architecture": size.instance_type.architecture,
            "monthly": size.monthly.dollars(),
            "current": size.is_current,
            "resize": size.is_reached,
        })
    };
    json!({
        "format": 1,
        "region": region,
        "current": current,
        "cores": sizes.need.processors(),
        "memory_mib": sizes.need.memory() * MEBIBYTES,
        "currency": "USD",
        "prices": prices::date(),
        "sizes": sizes.fitting.iter().map(size).collect::<Vec<_>>(),
        "unpriced": sizes.unpriced,
    })
}
