//! What was seen of a lab → findings, each with what to do about it. Pure.

mod applied;
mod machine;
pub mod outside;
mod server;

use std::collections::BTreeSet;
use std::net::IpAddr;
use std::time::{Duration, SystemTime};

use serde::Serialize;

use crate::doctor::outside::ports::Knock;
use crate::doctor::outside::tls::Served;
use crate::plan::HttpsMode;

pub use applied::{Comparison, LastApply, Record, last_apply, plan};
pub use machine::Condition;
pub use server::{Seen, findings as server_findings};

/// How it stands with one thing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum State {
    /// It is as it should be.
    Ok,
    /// It works, and somebody should look at it.
    Warning,
    /// It is broken.
    Failed,
    /// It was not looked at.
    Skipped,
}

/// One thing that was looked at.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// What was looked at.
    pub name: String,
    /// How it stands.
    pub state: State,
    /// What was seen.
    pub detail: String,
    /// What to do about it.
    pub help: Option<String>,
}

impl Finding {
    /// All is well.
    pub fn ok(name: impl Into<String>, detail: impl Into<String>) -> Self {
        Self {
            name: name.into(),
            state: State::Ok,
            detail: detail.into(),
            help: None,
        }
    }

    /// It was not looked at.
    pub fn skipped(name: impl Into<String>, why: impl Into<String>) -> Self {
        Self {
            state: State::Skipped,
            ..Self::ok(name, why)
        }
    }

    /// It works, and somebody should look at it.
    pub fn warning(
        name: impl Into<String>,
        detail: impl Into<String>,
        help: impl Into<String>,
    ) -> Self {
        Self {
            state: State::Warning,
            help: Some(help.into()),
            ..Self::ok(name, detail)
        }
    }

    /// It is broken.
    pub fn failed(
        name: impl Into<String>,
        detail: impl Into<String>,
        help: impl Into<String>,
    ) -> Self {
        Self {
            state: State::Failed,
            ..Self::warning(name, detail, help)
        }
    }
}

/// What one resolver says of a name.
pub type Resolved = (String, Result<BTreeSet<IpAddr>, String>);

/// Judges where a name leads.
pub fn name(name: &str, server: Option<IpAddr>, answers: &[Resolved]) -> Finding {
    let title = format!("DNS of {name}");
    let known: Vec<_> = answers
        .iter()
        .filter_map(|(resolver, answer)| Some((resolver, answer.as_ref().ok()?)))
        .collect();
    let problems: Vec<_> = answers
        .iter()
        .filter_map(|(resolver, answer)| Some(format!("{resolver}: {}", answer.as_ref().err()?)))
        .collect();
    if known.is_empty() {
        return Finding::warning(
            title,
            problems.join("; "),
            "if this laptop reaches the world otherwise, its network lets no question of DNS out; \
             name a resolver that it may ask by `--resolver`",
        );
    }
    let Some(server) = server else {
        return Finding::skipped(title, "the server has no public address to compare with");
    };
    let elsewhere: BTreeSet<_> = known
        .iter()
        .flat_map(|(_, found)| found.iter())
        .filter(|found| **found != server)
        .map(ToString::to_string)
        .collect();
    if !elsewhere.is_empty() {
        let elsewhere: Vec<_> = elsewhere.into_iter().collect();
        return Finding::failed(
            title,
            format!(
                "leads to {}, and the server is {server}",
                elsewhere.join(", ")
            ),
            "correct the record (`labctl plan` shows what `dns` would change), or wait until the \
             old one has run out of its time to live",
        );
    }
    let missing: Vec<_> = known
        .iter()
        .filter(|(_, found)| found.is_empty())
        .map(|(resolver, _)| resolver.as_str())
        .collect();
    if missing.len() == known.len() {
        return Finding::failed(
            title,
            "does not resolve",
            "enter the zone's name servers (`labctl apply` shows them) where the domain was \
             bought, and give it up to a day",
        );
    }
    if !missing.is_empty() || !problems.is_empty() {
        let mut problems = problems;
        problems.extend(
            missing
                .iter()
                .map(|resolver| format!("{resolver}: not known there yet")),
        );
        return Finding::warning(
            title,
            format!(
                "leads to the server ({server}), but {}",
                problems.join("; ")
            ),
            "new records take some minutes to be known everywhere",
        );
    }
    Finding::ok(title, format!("leads to the server ({server})"))
}

/// Who may use a port, and what for.
#[derive(Debug, Clone, Copy)]
pub struct Door<'a> {
    /// The port.
    pub port: u16,
    /// What listens there.
    pub unit: &'a str,
    /// Whether the lab's security group opens it to anybody.
    pub is_open: bool,
}

/// Judges what came of knocking.
pub fn port(door: Door<'_>, knock: &Knock) -> Finding {
    let Door {
        port,
        unit,
        is_open,
    } = door;
    let title = format!("port {port}");
    match (knock, is_open) {
        (Knock::Open, true) => Finding::ok(title, "answers"),
        (Knock::Open, false) => Finding::warning(
            title,
            "answers, and the lab's security group does not open it",
            "look whether another security group of the server does (EC2's console shows them); on \
             the server, nothing else shuts it",
        ),
        (_, false) => Finding::skipped(title, "the lab's security group does not open it"),
        (Knock::Closed, true) => Finding::failed(
            title,
            "nobody listens there",
            format!("`labctl logs {unit}` shows why; `labctl apply` starts what the plan has"),
        ),
        (Knock::Silent, true) => Finding::failed(
            title,
            "no answer: what is sent there is dropped on the way",
            "`labctl plan` shows whether `security_group` is as the plan says and lets this \
             laptop's address in; a company's network may let only some ports out",
        ),
        (Knock::NoWay(reason), true) => Finding::failed(
            title,
            reason.clone(),
            "look at this laptop's own network first",
        ),
    }
}

/// What a certificate is called; a lab without names has one for nobody.
pub fn certificate_title(host: Option<&str>) -> String {
    host.map_or_else(
        || "certificate".to_owned(),
        |host| format!("certificate of {host}"),
    )
}

/// Judges the certificate that is served for a name, or by address where there is none.
pub fn certificate(
    host: Option<&str>,
    mode: HttpsMode,
    served: &Result<Served, String>,
    now: SystemTime,
) -> Finding {
    let title = certificate_title(host);
    let served = match served {
        Ok(served) => served,
        Err(reason) => {
            return Finding::failed(
                title,
                format!("none was served: {reason}"),
                "`labctl logs nginx` shows why",
            );
        }
    };
    let Ok(left) = served.not_after.duration_since(now) else {
        return Finding::failed(title, "it has ended", renewal(mode));
    };
    let days = left.as_secs() / DAY.as_secs();
    let detail = format!("{days} days left, issued by {}", served.issuer);
    match &served.distrust {
        None if days < SOON => Finding::warning(title, detail, renewal(mode)),
        None => Finding::ok(title, detail),
        Some(reason) => match mode {
            HttpsMode::SelfSigned | HttpsMode::Off => {
                Finding::ok(title, format!("{detail}; browsers warn: {reason}"))
            }
            HttpsMode::Files => Finding::warning(
                title,
                format!("{detail}; {reason}"),
                "browsers that know your organisation's authority may trust it all the same; its \
                 chain belongs into the file of `certificate`",
            ),
            HttpsMode::LetsEncrypt | HttpsMode::Dns => Finding::failed(
                title,
                format!("{detail}; {reason}"),
                "`labctl logs certificate` shows why there is none of the authority (yet)",
            ),
        },
    }
}

const DAY: Duration = Duration::from_secs(24 * 3600);
/// Authorities' certificates are renewed long before, whichever their life is.
const SOON: u64 = 7;

const fn renewal(mode: HttpsMode) -> &'static str {
    match mode {
        HttpsMode::Files => {
            "replace the files that `https` names by renewed ones, and run `labctl apply`"
        }
        HttpsMode::SelfSigned | HttpsMode::Off => "run `labctl apply`, which makes a new one",
        HttpsMode::LetsEncrypt | HttpsMode::Dns => {
            "`labctl logs certificate` shows why it was not renewed"
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SERVER: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(192, 0, 2, 7));

    fn named(answers: &[(&str, Result<&[&str], &str>)]) -> (State, String) {
        let answer = |(resolver, answer): &(&str, Result<&[&str], &str>)| {
            let found = answer.map(|found| found.iter().map(|one| one.parse().unwrap()).collect());
            (String::from(*resolver), found.map_err(str::to_owned))
        };
        let answers: Vec<_> = answers.iter().map(answer).collect();
        let finding = name("lab.example", Some(SERVER), &answers);
        assert_eq!(finding.help.is_some(), finding.state != State::Ok);
        (finding.state, finding.detail)
    }

    #[test]
    fn names_are_judged_by_all_resolvers() {
        let here: Result<&[&str], _> = Ok(&["192.0.2.7"]);
        assert_eq!(named(&[("a", here), ("b", here)]).0, State::Ok);
        assert_eq!(named(&[("a", here), ("b", Ok(&[]))]).0, State::Warning);
        assert_eq!(
            named(&[("a", here), ("b", Err("no answer"))]).0,
            State::Warning
        );
        assert_eq!(named(&[("a", Ok(&[]))]).0, State::Failed);
        assert_eq!(named(&[("a", Err("no answer"))]).0, State::Warning);
        let (state, detail) = named(&[("a", Ok(&["192.0.2.7", "2001:db8::1"]))]);
        assert!(
            state == State::Failed && detail.contains("2001:db8::1"),
            "{detail}"
        );
    }

    #[test]
    fn a_port_that_the_plan_shuts_is_not_missed() {
        let door = |is_open| Door {
            port: 80,
            unit: "nginx",
            is_open,
        };
        let state = |is_open, knock| port(door(is_open), &knock).state;
        assert_eq!(state(true, Knock::Open), State::Ok);
        assert_eq!(state(false, Knock::Open), State::Warning);
        assert_eq!(state(false, Knock::Silent), State::Skipped);
        for knock in [Knock::Closed, Knock::Silent, Knock::NoWay(String::new())] {
            assert_eq!(state(true, knock), State::Failed);
        }
    }

    #[test]
    fn a_certificate_is_judged_by_what_the_plan_wants() {
        let now = SystemTime::UNIX_EPOCH + Duration::from_secs(1_000_000_000);
        let state = |mode, days: u64, distrust: Option<&str>| {
            let served = Served {
                not_after: now + DAY * u32::try_from(days).unwrap(),
                issuer: "CN=somebody".to_owned(),
                distrust: distrust.map(str::to_owned),
            };
            certificate(Some("lab.example"), mode, &Ok(served), now).state
        };
        assert_eq!(state(HttpsMode::LetsEncrypt, 60, None), State::Ok);
        assert_eq!(state(HttpsMode::LetsEncrypt, 3, None), State::Warning);
        assert_eq!(state(HttpsMode::Dns, 60, Some("unknown")), State::Failed);
        assert_eq!(state(HttpsMode::SelfSigned, 60, Some("own")), State::Ok);
        assert_eq!(state(HttpsMode::Files, 60, Some("unknown")), State::Warning);
        let nothing = Err("refused".to_owned());
        let finding = certificate(None, HttpsMode::Files, &nothing, now);
        assert_eq!(
            (finding.name.as_str(), finding.state),
            ("certificate", State::Failed)
        );
    }
}
