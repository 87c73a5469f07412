//! The server as it was looked at, and what is to be done there.

use std::time::{SystemTime, UNIX_EPOCH};

use crate::host::session;
use crate::host::ssh::Shell;
use crate::host::{self, DesiredHost, Facts, HostDiff, HostError, HostRefusal, preflight};
use crate::report::HostView;

use super::Failure;
use super::server::Server;

/// What is known of the server, and what is to be done there.
pub struct HostPlan {
    pub(super) desired: DesiredHost,
    pub(super) seen: Option<Seen>,
    pub(super) notes: Vec<String>,
    /// The difference; nothing where the server was not looked at.
    pub diff: Option<HostDiff>,
}

/// A server that was looked at.
pub(super) struct Seen {
    pub(super) facts: Facts,
    pub(super) shell: Box<dyn Shell>,
}

impl HostPlan {
    /// What there is to show.
    pub fn view(&self) -> HostView<'_> {
        HostView {
            diff: self.diff.as_ref(),
            reached: self.seen.is_some(),
            notes: &self.notes,
        }
    }

    /// Whether an apply would change the server.
    pub fn has_changes(&self) -> bool {
        self.diff
            .as_ref()
            .is_some_and(|diff| !diff.changes.is_empty())
    }

    /// Whether an apply has anything to do on the server, as far as is known.
    pub fn has_work(&self) -> bool {
        self.diff.as_ref().is_none_or(HostDiff::has_work) || self.is_busy()
    }

    /// Everything that an apply would founder on.
    pub fn refusals(&self) -> Vec<HostRefusal> {
        match (&self.seen, &self.diff) {
            (Some(seen), Some(diff)) => preflight::refusals(&self.desired, &seen.facts, diff),
            _ => Vec::new(),
        }
    }

    fn is_busy(&self) -> bool {
        self.seen
            .as_ref()
            .is_some_and(|seen| seen.facts.running.is_some())
    }
}

/// Shows refusals; nothing was changed on the server.
pub fn refuse(refusals: &[HostRefusal]) -> Result<(), Failure> {
    let Some((first, rest)) = refusals.split_first() else {
        return Ok(());
    };
    let summary: Vec<_> = std::iter::once(first)
        .chain(rest)
        .map(|refusal| refusal.summary.as_str())
        .collect();
    let help: Vec<_> = refusals
        .iter()
        .map(|refusal| refusal.help.as_str())
        .collect();
    Err(Failure::said(
        summary.join("\n  "),
        format!("nothing was changed on the server; {}", help.join("; ")),
    ))
}

/// Connects and probes.
pub(super) async fn see(server: &Server<'_>, desired: &DesiredHost) -> Result<Seen, HostError> {
    let connection = server.open().await?;
    let facts = session::probe(&connection, desired).await?;
    Ok(Seen {
        facts,
        shell: Box::new(connection),
    })
}

/// Compares what was seen with what is to be.
pub(super) fn compared(desired: DesiredHost, seen: Seen) -> HostPlan {
    let now = SystemTime::now().duration_since(UNIX_EPOCH);
    let now = now.map_or(0.0, |since| since.as_secs_f64());
    let diff = host::diff(&desired, &seen.facts);
    let mut notes = preflight::remarks(&seen.facts, &diff, now);
    if seen.facts.running.is_some() {
        notes.push("an apply is running on the server now; `labctl apply` follows it".to_owned());
    }
    HostPlan {
        diff: Some(diff),
        seen: Some(seen),
        desired,
        notes,
    }
}

/// Takes the connection out, to apply over it.
pub(super) fn taken(host: &mut HostPlan) -> Result<Seen, Failure> {
    let seen = host.seen.take();
    seen.ok_or_else(|| Failure::said("the server was not looked at", "run `labctl apply` again"))
}
