//! How the server's machine is → findings.

use schemars::JsonSchema;
use serde::Deserialize;

use super::Finding;

const MEBIBYTE: u64 = 1 << 20;
/// Below this, packages cannot be installed any more.
const LEAST_DISK: u64 = 500 * MEBIBYTE;
const LEAST_INODES: u64 = 20_000;
/// Below this, the next program that wants memory may be killed.
const LEAST_MEMORY: u64 = 64 * MEBIBYTE;
/// Signed requests to AWS are refused with a clock that is further off (AWS, "Troubleshooting Signature Version 4").
const MOST_SKEW: f64 = 300.0;
const NOTED_SKEW: f64 = 5.0;

/// How the machine is.
#[derive(Debug, Clone, PartialEq, Default, Deserialize, JsonSchema)]
#[serde(default)]
pub struct Condition {
    /// The root file system's size.
    pub disk_bytes: u64,
    /// What is free of it.
    pub disk_free_bytes: u64,
    /// How many files can still be made.
    pub free_inodes: u64,
    /// The memory's size.
    pub memory_bytes: u64,
    /// What programs can still have of it.
    pub memory_free_bytes: u64,
    /// The swap that is free.
    pub swap_free_bytes: u64,
    /// The units that have failed.
    pub failed_units: Vec<String>,
    /// The seconds since 1970 on its clock.
    pub clock: f64,
    /// Whether the clock follows others; none if it does not say.
    pub is_synchronized: Option<bool>,
    /// Whether an update waits for a restart.
    pub wants_restart: bool,
    /// The apply that is running.
    pub applying: Option<String>,
    /// The model without which a unit does not run.
    pub awaits: Option<Awaited>,
}

/// A model without which a unit does not run.
#[derive(Debug, Clone, PartialEq, Eq, Default, Deserialize, JsonSchema)]
#[serde(default)]
pub struct Awaited {
    /// The unit.
    pub unit: String,
    /// Where the model is to be.
    pub source: String,
    /// `waiting`; `broken` where the model is there and the unit cannot be run; `refused` where it ran and did not
    /// answer with it.
    pub state: String,
    /// Why.
    pub why: String,
}

/// Judges it. `now` is this laptop's clock when the machine's was read.
pub(super) fn machine(condition: &Condition, now: f64) -> Vec<Finding> {
    let mut findings = vec![
        disk(condition),
        memory(condition),
        units(&condition.failed_units),
        clock(condition, now),
    ];
    if condition.wants_restart {
        findings.push(Finding::warning(
            "updates",
            "a security update takes effect at the next restart",
            "when nobody works there: `labctl stop`, then `labctl start`; `workbench.reboot` in the \
             plan restarts the server by itself, in a window",
        ));
    }
    findings.extend(condition.awaits.as_ref().and_then(refused_model));
    if let Some(run) = &condition.applying {
        findings.push(Finding::warning(
            "apply",
            format!("the apply `{run}` is running; gates may fail until it is done"),
            "`labctl apply` follows it; then look again",
        ));
    }
    findings
}

/// The model before serves on, if there is one: its gates say so.
fn refused_model(model: &Awaited) -> Option<Finding> {
    (model.state == "refused").then(|| {
        Finding::warning(
            "model",
            format!(
                "the API refused the model at {}: {}",
                model.source, model.why
            ),
            "put another one there, which a timer on the server tries within five minutes; `labctl \
             ssh sudo rm /var/lib/labctl/model-refused.json` lets the same one be tried again",
        )
    })
}

fn disk(condition: &Condition) -> Finding {
    let Condition {
        disk_bytes: total,
        disk_free_bytes: free,
        free_inodes,
        ..
    } = *condition;
    let detail = format!("{} of {} free", size(free), size(total));
    let help = "let `root_volume.size` grow in the plan and apply, or free some: `labctl ssh sudo \
                du -xh --max-depth=2 /` shows what takes it";
    if free < LEAST_DISK || free_inodes < LEAST_INODES {
        let inodes = match free_inodes < LEAST_INODES {
            true => format!(", and only {free_inodes} more files can be made"),
            false => String::new(),
        };
        return Finding::failed("disk", format!("{detail}{inodes}"), help);
    }
    match free < total / 10 {
        true => Finding::warning("disk", detail, help),
        false => Finding::ok("disk", detail),
    }
}

fn memory(condition: &Condition) -> Finding {
    let Condition {
        memory_bytes: total,
        memory_free_bytes: free,
        swap_free_bytes: swap,
        ..
    } = *condition;
    let detail = format!(
        "{} of {} free, and {} of swap",
        size(free),
        size(total),
        size(swap)
    );
    let help = "choose a larger `instance_type` or a lower `memory_limit` in the plan; `labctl \
                ssh top -o %MEM` shows what takes it";
    if free < LEAST_MEMORY && swap < LEAST_MEMORY {
        return Finding::failed("memory", detail, help);
    }
    match free < total / 20 {
        true => Finding::warning("memory", detail, help),
        false => Finding::ok("memory", detail),
    }
}

fn units(failed: &[String]) -> Finding {
    match failed {
        [] => Finding::ok("units", "none has failed"),
        [first, ..] => Finding::failed(
            "units",
            format!("failed: {}", failed.join(", ")),
            format!(
                "`labctl logs {first}` shows why; `labctl ssh sudo systemctl reset-failed` forgets \
                 what is over"
            ),
        ),
    }
}

fn clock(condition: &Condition, now: f64) -> Finding {
    let off = condition.clock - now;
    let side = if off > 0.0 { "ahead of" } else { "behind" };
    let detail = format!("{:.0} seconds {side} this laptop's", off.abs());
    let help = "one of the two clocks is wrong; on the server, `timedatectl` shows whether it \
                follows a time server";
    if off.abs() > MOST_SKEW {
        return Finding::failed("clock", detail, help);
    }
    if off.abs() > NOTED_SKEW {
        return Finding::warning("clock", detail, help);
    }
    match condition.is_synchronized {
        Some(false) => Finding::warning(
            "clock",
            "right, and it follows no time server",
            "on the server, `timedatectl set-ntp true` lets it follow one",
        ),
        _ => Finding::ok("clock", "the same as this laptop's"),
    }
}

fn size(bytes: u64) -> String {
    let gibibytes = bytes as f64 / f64::from(1 << 30);
    match gibibytes < 1.0 {
        true => format!("{} MiB", bytes / MEBIBYTE),
        false => format!("{gibibytes:.1} GiB"),
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::super::State;
    use super::*;

    /// A machine that lacks nothing.
    pub fn healthy() -> Condition {
        Condition {
            disk_bytes: 30 << 30,
            disk_free_bytes: 20 << 30,
            free_inodes: 1_000_000,
            memory_bytes: 4 << 30,
            memory_free_bytes: 3 << 30,
            swap_free_bytes: 1 << 30,
            clock: 1000.0,
            ..Condition::default()
        }
    }

    /// The findings that are not as they should be.
    fn ill(condition: Condition) -> Vec<(String, State)> {
        let found = machine(&condition, 1001.0);
        let found = found
            .into_iter()
            .filter(|finding| finding.state != State::Ok);
        found
            .map(|finding| {
                assert!(finding.help.is_some(), "{finding:?}");
                (finding.name, finding.state)
            })
            .collect()
    }

    #[test]
    fn each_illness_is_found_alone() {
        assert_eq!(ill(healthy()), []);
        let found = |name: &str, state| vec![(name.to_owned(), state)];
        let with = |change: fn(&mut Condition)| {
            let mut condition = healthy();
            change(&mut condition);
            ill(condition)
        };
        let full = with(|one| one.disk_free_bytes = 100 << 20);
        assert_eq!(full, found("disk", State::Failed));
        assert_eq!(
            with(|one| one.free_inodes = 10),
            found("disk", State::Failed)
        );
        let tight = with(|one| one.disk_free_bytes = 2 << 30);
        assert_eq!(tight, found("disk", State::Warning));
        let memory = with(|one| (one.memory_free_bytes, one.swap_free_bytes) = (1 << 20, 0));
        assert_eq!(memory, found("memory", State::Failed));
        let failed = with(|one| one.failed_units.push("x.service".to_owned()));
        assert_eq!(failed, found("units", State::Failed));
        assert_eq!(
            with(|one| one.clock = 2000.0),
            found("clock", State::Failed)
        );
        assert_eq!(
            with(|one| one.clock = 980.0),
            found("clock", State::Warning)
        );
        let free = with(|one| one.is_synchronized = Some(false));
        assert_eq!(free, found("clock", State::Warning));
        assert_eq!(
            with(|one| one.wants_restart = true),
            found("updates", State::Warning)
        );
        let refused = with(|one| {
            one.awaits = Some(Awaited {
                state: "refused".to_owned(),
                ..Awaited::default()
            });
        });
        assert_eq!(refused, found("model", State::Warning));
        let busy = with(|one| one.applying = Some("run".to_owned()));
        assert_eq!(busy, found("apply", State::Warning));
    }
}
