//! A lab as it is, as text.

use std::net::Ipv4Addr;

use crate::cloud::estimate::{self, Estimate};
use crate::cloud::prices;
use crate::cloud::resource::{Owner, Power, Standing};
use crate::cloud::resources::{Body, Kind, LiveLab, LiveResource};
use crate::host::site::Page;

use super::StatusView;
use super::outcome::power_word;
use super::style::{CREATE, DIM, STRONG, UPDATE, paint};
use super::words::{duplicate, harmless};

/// How far ids are moved to the right for the sake of one long address, in characters.
const WIDEST_ADDRESS: usize = 60;

/// Writes the server's state and a table of all resources.
pub fn status(view: &StatusView<'_>) -> String {
    let place = paint(DIM, format!("in {}, account {}", view.region, view.account));
    let mut sections = vec![format!(
        "{} {place}",
        paint(STRONG, format!("lab {}", view.lab))
    )];
    let resources = &view.live.resources;
    if !resources.iter().any(|live| live.owner == Owner::Lab) {
        sections.push("nothing of this lab exists; `labctl apply` makes it".to_owned());
        return sections.join("\n\n");
    }
    let mut about = server(view.live);
    about.extend(
        view.shell
            .map(|line| format!("  shell    {}", paint(STRONG, line))),
    );
    about.extend(cost(view));
    sections.push(about.join("\n"));
    let pages: Vec<_> = pages(view.pages).collect();
    sections.extend((!pages.is_empty()).then(|| pages.join("\n")));
    sections.push(table(resources).join("\n"));
    sections.join("\n\n")
}

/// What the lab costs a month as it is, and what of that serves nobody.
fn cost(view: &StatusView<'_>) -> Vec<String> {
    let estimate = Estimate::of_lab(view.region, &view.live.resources);
    let note = format!(" (as it is now; prices of {})", prices::date());
    let mut lines = vec![format!(
        "  cost     {} USD a month{}",
        estimate.monthly(),
        paint(DIM, note)
    )];
    let unknown = estimate.unknown();
    if !unknown.is_empty() {
        let unknown = harmless(&unknown.join(", "));
        lines.push(format!("           and what is not known: {unknown}"));
    }
    for id in estimate::idle(view.live) {
        let text = format!("{} is paid for and leads to no server", harmless(&id));
        lines.push(format!("           {}", paint(UPDATE, text)));
    }
    lines
}

/// Writes a line for each page.
pub fn pages(pages: &[Page]) -> impl Iterator<Item = String> {
    let line = |page: &Page| {
        let url = paint(STRONG, harmless(&page.url));
        format!("  {:<12} {url}", page.title)
    };
    pages.iter().map(line)
}

fn server(live: &LiveLab) -> Vec<String> {
    let Some(server) = live.current(Kind::Instance) else {
        return vec!["  server   none".to_owned()];
    };
    let power = match server.observed.power {
        Some(Power::Running) => paint(CREATE, power_word(Power::Running)),
        Some(power) => paint(UPDATE, power_word(power)),
        None => "unknown".to_owned(),
    };
    let mut lines = vec![format!("  server   {power}")];
    if let Body::Instance(instance) = &server.body {
        lines.push(format!("  type     {}", harmless(&instance.instance_type)));
    }
    lines.extend(address(live, server).map(|(address, note)| {
        let note = note.map(|note| paint(DIM, format!(" ({note})")));
        let note = note.unwrap_or_default();
        format!("  address  {}{note}", paint(STRONG, address))
    }));
    lines
}

/// The address that leads to the server, and what is to be known of it.
fn address(live: &LiveLab, server: &LiveResource) -> Option<(Ipv4Addr, Option<&'static str>)> {
    let elastic = live.current(Kind::ElasticIp);
    let elastic = elastic.and_then(|live| live.observed.public_ip);
    let own = server.observed.private_ip;
    // A stopped server keeps its private address, and nobody is there.
    let own = own.filter(|_| server.observed.power == Some(Power::Running));
    match live.public_address() {
        Some(address) if elastic == Some(address) => Some((address, None)),
        Some(address) => Some((address, Some("another after each stop"))),
        None => own.map(|own| (own, Some("private: only its own network reaches it"))),
    }
}

fn table(resources: &[LiveResource]) -> Vec<String> {
    let address = |live: &LiveResource| harmless(&live.address.to_string());
    let lengths = resources.iter().map(|live| address(live).chars().count());
    let width = lengths.max().unwrap_or_default().min(WIDEST_ADDRESS);
    let row = |live: &LiveResource| {
        let remark = remark(live).map(|remark| format!("  {}", paint(DIM, remark)));
        let (address, id) = (address(live), harmless(&live.id));
        format!("  {address:<width$}  {id}{}", remark.unwrap_or_default())
    };
    resources.iter().map(row).collect()
}

fn remark(live: &LiveResource) -> Option<&'static str> {
    match (&live.owner, live.standing) {
        (Owner::Lab, Standing::Current) => None,
        (Owner::Lab, Standing::Duplicate) => Some(duplicate()),
        (Owner::Lab, Standing::Stale) => Some("not the plan's any more"),
        (Owner::Other, _) if live.address.kind().can_be_shared() => {
            Some("used as it is, not this lab's")
        }
        (Owner::Other, _) => Some("not this lab's"),
        (Owner::OtherForm(_), _) => Some("not this lab's"),
        (Owner::OtherAccount, _) => Some("another account's"),
        (Owner::OutOfReach, _) => Some("out of reach"),
    }
}
