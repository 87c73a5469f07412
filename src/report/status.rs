//! A lab as it is, as text.

use crate::cloud::resource::{Owner, Power, Standing};
use crate::cloud::resources::LiveResource;
use crate::cloud::resources::{Body, Kind, LiveLab};

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
    sections.push(server(view.live).join("\n"));
    sections.push(table(resources).join("\n"));
    sections.join("\n\n")
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
    if let Some(address) = live.public_address() {
        let note = match live.current(Kind::ElasticIp) {
            Some(_) => String::new(),
            None => paint(DIM, " (another after each stop)"),
        };
        lines.push(format!("  address  {}{note}", paint(STRONG, address)));
    }
    lines
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
        (Owner::OtherAccount, _) => Some("another account's"),
        (Owner::OutOfReach, _) => Some("out of reach"),
    }
}
