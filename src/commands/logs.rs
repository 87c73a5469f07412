//! `labctl logs`: what a service on the server wrote.

use std::process::ExitCode;

use clap::Args;

use crate::host::HostError;
use crate::host::pieces;
use crate::host::services::Service;
use crate::host::ssh::Shell;
use crate::plan::{Parsed, nearest};
use crate::report::{Out, harmless};

use super::Failure;
use super::arguments::Global;
use super::workflow::server::{LOGIN, Visit};
use super::workflow::system_ssh::{self, Held, Over};
use super::workflow::{interrupt, session};

/// What `logs` takes.
#[derive(Debug, Args)]
pub struct Arguments {
    #[arg(value_name = "UNIT", help = what())]
    unit: String,
    /// Go on and show what is written from now on, until Ctrl-C
    #[arg(short, long)]
    follow: bool,
    /// The last lines to show, of each source
    #[arg(short = 'n', long, value_name = "COUNT", default_value_t = 100)]
    lines: u32,
    /// Show only what was written since then, such as `1 hour ago`, `today`, `2026-02-01 12:00`
    #[arg(long, value_name = "TIME")]
    since: Option<String>,
}

/// What wrote them: the names are those that the pieces give.
fn what() -> String {
    let names: Vec<_> = pieces::services().map(|service| service.name).collect();
    format!(
        "What wrote them: {}, or a unit of systemd",
        names.join(", ")
    )
}

/// What systemd takes for the name of a unit (systemd.unit(5)), with `.service` left out or not.
fn is_unit(word: &str) -> bool {
    let is_fine = |letter: char| letter.is_ascii_alphanumeric() || ":-_.\\@".contains(letter);
    word.starts_with(|first: char| first.is_ascii_alphanumeric()) && word.chars().all(is_fine)
}

const KINDS: [&str; 7] = [
    ".service", ".socket", ".timer", ".target", ".path", ".mount", ".slice",
];

fn full(word: &str) -> String {
    match KINDS.iter().any(|kind| word.ends_with(kind)) {
        true => word.to_owned(),
        false => format!("{word}.service"),
    }
}

/// Where the lines come from.
#[derive(Debug)]
struct Source {
    units: Vec<String>,
    file: Option<&'static str>,
}

/// Finds the unit, and prints its lines as they come.
pub async fn run(global: &Global, arguments: &Arguments, out: &Out) -> Result<ExitCode, Failure> {
    let parsed = session::load(global)?;
    let service = pieces::service(&arguments.unit);
    match service {
        Some(service) => check_plan(&parsed, service)?,
        None if is_unit(&arguments.unit) => {}
        None => return Err(unknown(&arguments.unit, &[])),
    }
    let visit = Visit::new(parsed, global, out).await?;
    let source = match service {
        Some(service) => Source {
            units: service
                .units
                .iter()
                .map(|unit| (*unit).to_owned())
                .collect(),
            file: service.log,
        },
        None => Source {
            units: vec![find(&visit, &arguments.unit).await?],
            file: None,
        },
    };
    if let (Some(file), Some(_)) = (source.file, &arguments.since) {
        out.warning(&format!(
            "`{file}` cannot be searched by time and is left out; without `--since` its last lines \
             are shown too"
        ));
    }
    // No forwarding that the user's settings ask for: unlike a tunnel, this needs none.
    let options = [&system_ssh::OWN[..], &["-o", "ClearAllForwardings=yes"]].concat();
    let ssh = system_ssh::ssh(&visit, LOGIN, &options).await?;
    let mut held = Held::start(ssh, &remote(&source, arguments)?)?;
    let print = async {
        while let Some(line) = held.line().await {
            let line = match source.file {
                Some(_) => without_queries(&line),
                None => line,
            };
            out.result(&harmless(&line));
        }
    };
    match interrupt::leaving(print).await {
        None => Ok(ExitCode::SUCCESS),
        Some(()) => ended(&held.over(), arguments),
    }
}

/// Leaves out what stands behind the `?` of an address: NGINX writes whole requests into its log of errors, and their
/// queries may carry tokens. The agent does so too (`python/agent/agent/web.py`).
fn without_queries(line: &str) -> String {
    let word = |word: &str| match word.split_once('?') {
        None => word.to_owned(),
        Some((before, query)) => {
            let quote = ["\",", "\""].into_iter().find(|end| query.ends_with(end));
            format!("{before}?...{}", quote.unwrap_or_default())
        }
    };
    line.split(' ').map(word).collect::<Vec<_>>().join(" ")
}

fn check_plan(parsed: &Parsed, service: &Service) -> Result<(), Failure> {
    let workbench = session::workbench(parsed)?;
    if (service.is_in)(workbench) {
        return Ok(());
    }
    let names = pieces::services().filter(|known| (known.is_in)(workbench));
    let names: Vec<_> = names.map(|known| known.name).collect();
    Err(Failure::said(
        format!("the plan has no `{}`", service.key),
        format!(
            "it has: {}; what once was there is shown by its unit's name, `labctl logs {}`",
            names.join(", "),
            service.units[0]
        ),
    ))
}

/// Asks the server for a unit that labctl knows no short name of.
async fn find(visit: &Visit<'_>, word: &str) -> Result<String, Failure> {
    let wanted = full(word);
    let connection = visit.server().open().await?;
    let mut units = Vec::new();
    // Also those that are not loaded: what a unit wrote outlives it.
    let command = "systemctl list-unit-files --no-legend --no-pager; \
                   systemctl list-units --all --plain --no-legend --no-pager; \
                   journalctl --no-pager --field _SYSTEMD_UNIT 2>/dev/null";
    let mut on_line = |line: &[u8]| {
        let line = String::from_utf8_lossy(line);
        let name = line.split_whitespace().next();
        units.extend(name.map(str::to_owned));
    };
    let listed = connection.run(command, Vec::new(), &mut on_line);
    listed.await.map_err(HostError::from)?;
    match units.contains(&wanted) {
        true => Ok(wanted),
        false => Err(unknown(word, &units)),
    }
}

/// Says that there is no such unit, and which was probably meant.
fn unknown(word: &str, units: &[String]) -> Failure {
    let names = pieces::services().map(|service| service.name);
    let on_server = units.iter().map(|unit| unit.trim_end_matches(".service"));
    let near = nearest(word, names.clone()).or_else(|| nearest(word, on_server));
    let meant = near.map_or_else(String::new, |near| format!("did you mean `{near}`? "));
    let names: Vec<_> = names.collect();
    let is_asked = !units.is_empty();
    Failure::said(
        match is_asked {
            true => format!("the server has no unit `{}`", full(word)),
            false => format!("`{}` is no unit's name", harmless(word)),
        },
        format!(
            "{meant}short names are {}; `labctl ssh systemctl list-units` shows all units",
            names.join(", ")
        ),
    )
}

/// The line that runs on the server. It ends when its input does, which is when labctl is gone:
/// a `journalctl` that follows would else stay there until the next line.
fn remote(source: &Source, arguments: &Arguments) -> Result<String, Failure> {
    let mut journal = format!(
        "journalctl --no-pager --quiet --output=short-iso --lines={}",
        arguments.lines
    );
    for unit in &source.units {
        journal.push_str(&format!(" --unit={}", quoted(unit)?));
    }
    if let Some(since) = &arguments.since {
        journal.push_str(&format!(" --since={}", quoted(since)?));
    }
    let file = source.file.filter(|_| arguments.since.is_none());
    let tail = |options: &str| {
        file.map(|file| format!("tail {options} --lines={} -- {file}", arguments.lines))
    };
    let script = match arguments.follow {
        false => {
            let tail = tail("--silent").zip(file);
            let tail = tail.map(|(tail, file)| format!(" && {{ test ! -r {file} || {tail}; }}"));
            format!("{journal}{}", tail.unwrap_or_default())
        }
        true => {
            let tail = tail("--silent --follow=name --retry");
            let tail = tail.map(|tail| format!("{tail} 2>/dev/null & more=$!; "));
            format!(
                "exec 3<&0; {}{journal} --follow & main=$!; \
                 (cat <&3; kill $main $more) >/dev/null 2>&1 & \
                 wait $main; status=$?; kill $more 2>/dev/null; exit $status",
                tail.unwrap_or_default()
            )
        }
    };
    Ok(format!("sudo -n sh -c {}", quoted(&script)?))
}

fn quoted(word: &str) -> Result<String, Failure> {
    let quoted = shlex::try_quote(word).map(std::borrow::Cow::into_owned);
    quoted.map_err(|_| {
        Failure::said(
            format!("`{}` has a character that no shell takes", harmless(word)),
            "leave it out",
        )
    })
}

fn ended(over: &Over, arguments: &Arguments) -> Result<ExitCode, Failure> {
    let said = harmless(over.last());
    match over {
        Over { status: 0, .. } => Ok(ExitCode::SUCCESS),
        _ if over.is_lost() => Err(Failure::said(
            format!("the connection to the server has ended: {said}"),
            "`labctl status` shows whether the server runs",
        )),
        _ if said.starts_with("sudo:") => Err(HostError::NoSudo(said).into()),
        _ => Err(Failure::said(
            format!("the logs of `{}` cannot be shown: {said}", arguments.unit),
            "see `journalctl --help` for how times are written",
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn queries_stay_on_the_server() {
        let line = r#"[error] 7#7: *1 connect() failed, request: "GET /a?token=s"x HTTP/1.1", upstream: "http://127.0.0.1:8000/a?token=s", host: "lab", referrer: "https://lab/?code=s""#;
        let shown = r#"[error] 7#7: *1 connect() failed, request: "GET /a?... HTTP/1.1", upstream: "http://127.0.0.1:8000/a?...", host: "lab", referrer: "https://lab/?...""#;
        assert_eq!(without_queries(line), shown);
    }

    #[test]
    fn words_that_are_units() {
        for word in ["cron", "ssh.service", "user@1000", "dev-sda1.device"] {
            assert!(is_unit(word), "{word}");
        }
        for word in ["", "-x", "a b", "$(reboot)", "*", "a;b", "../x"] {
            assert!(!is_unit(word), "{word}");
        }
        assert_eq!(full("cron"), "cron.service");
        assert_eq!(full("x.timer"), "x.timer");
    }
}
