//! What a plan becomes in the sandbox: what the world does in earnest, something on this laptop plays.

use std::net::{IpAddr, Ipv4Addr};

use crate::commands::arguments::Global;
use crate::host::DesiredHost;
use crate::host::site::Site;
use crate::plan::{HttpsMode, Parsed, Plan};
use crate::report::{Out, Stages};
use crate::sandbox::rendered::{self, Checked};
use crate::sandbox::{self, Authority, Sandbox, Status};

use super::Failure;

/// The address that `my-ip` stands for.
pub const MY_IP: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);

/// The account that the sandbox plays (`DEFAULT_ACCOUNT` in `python/sandbox/sandbox/server.py`).
const ACCOUNT: &str = "123456789012";

/// Takes the plan's permissions boundary for a policy of the account that the sandbox plays.
pub fn in_its_account(mut parsed: Parsed, global: &Global) -> Parsed {
    if global.sandbox {
        let boundary = parsed.plan.permissions_boundary.as_mut();
        if let Some(boundary) = boundary {
            *boundary = boundary.in_account(ACCOUNT);
        }
    }
    parsed
}

/// A plan that is played in a sandbox.
#[derive(Debug)]
pub struct Rehearsal {
    /// The sandbox.
    pub sandbox: Sandbox,
    /// How it was in the beginning.
    pub status: Status,
    /// The plan as the server can play it here.
    pub plan: Plan,
    /// What is other in it.
    pub note: Option<String>,
}

impl Rehearsal {
    /// What the plan's server has for browsers.
    pub fn site(&self) -> Option<sandbox::Site> {
        let site = Site::of(&self.plan)?;
        let workbench = self.plan.workbench.as_ref()?;
        let asked = workbench.https.directory.as_ref().map(ToString::to_string);
        let own = self.status.authority.as_ref();
        Some(sandbox::Site {
            names: site
                .names
                .iter()
                .map(|name| name.name.as_str())
                .chain(site.own_hosts())
                .map(str::to_owned)
                .collect(),
            https: site.https,
            by_authority: workbench.https.mode.asks_an_authority()
                && asked.is_some_and(|asked| own.is_some_and(|own| own.directory == asked)),
        })
    }
}

/// Starts the plan's sandbox if it does not run, and makes of the plan what its server can play there.
pub async fn up(plan: &Plan, out: &Out) -> Result<Rehearsal, Failure> {
    let stages = Stages::new(out);
    let tell = |text: &str| stages.tell(text);
    let sandbox = Sandbox::up(plan, &tell).await?;
    let status = sandbox.settled(plan).await?;
    let mut plan = plan.clone();
    let note = recast(&mut plan, &status);
    Ok(Rehearsal {
        sandbox,
        status,
        plan,
        note,
    })
}

/// Refuses what would lead out of the sandbox again.
pub fn check_options(global: &Global) -> Result<(), Failure> {
    let stray = match global {
        Global {
            profile: Some(_), ..
        } => "--profile",
        Global {
            connect_to: Some(_),
            ..
        } => "--connect-to (LABCTL_CONNECT_TO)",
        _ => return Ok(()),
    };
    Err(Failure::said(
        format!("`--sandbox` and `{stray}` exclude each other"),
        "nothing was done; leave one of them out",
    ))
}

/// Checks the server's files as far as that can be done without a server, and says what there is none for.
pub async fn check(host: &DesiredHost, obstacle: &str, out: &Out) -> Result<(), Failure> {
    let Checked { checked, problems } = rendered::check(host, &|_| {}).await?;
    if !problems.is_empty() {
        return Err(Failure::said(
            problems.join("; "),
            "this is a defect of labctl: please report it with your plan",
        ));
    }
    let files = host.files.len();
    out.warning(&format!(
        "there is no container engine for the sandbox's servers ({obstacle}), so the server's half \
         is only rendered: {files} files, of which {} could be checked here",
        checked.len()
    ));
    out.say(
        "install Docker or Podman and run `labctl sandbox up` to have servers; `labctl render \
         --out DIR` shows the files",
    );
    Ok(())
}

/// Puts pebble in Let's Encrypt's place, or the server's own certificate where there is no pebble; says which.
///
/// Pebble does not see the zones of the emulator, so it looks at port 80 where the plan has `dns`. That is for the server
/// alone: in AWS its role is as the plan has it.
fn recast(plan: &mut Plan, status: &Status) -> Option<String> {
    let https = &mut plan.workbench.as_mut()?.https;
    if !sandbox::has_stand_in(https) {
        return None;
    }
    let problem = match &status.authority {
        Some(Authority { directory, .. }) => match directory.parse() {
            Ok(directory) => {
                https.directory = Some(directory);
                let way = match std::mem::replace(&mut https.mode, HttpsMode::LetsEncrypt) {
                    HttpsMode::Dns => ", and looks at port 80 instead of the zone",
                    _ => "",
                };
                let state = match &status.authority_problem {
                    None => "no browser trusts its certificates".to_owned(),
                    Some(problem) => {
                        format!("until it runs the certificate is the server's own: {problem}")
                    }
                };
                return Some(format!(
                    "in the sandbox pebble stands in for Let's Encrypt{way}; {state}"
                ));
            }
            Err(_) => "pebble has no address that servers reach",
        },
        None => status
            .authority_problem
            .as_deref()
            .unwrap_or("pebble is not there"),
    };
    let note = format!("in the sandbox the certificate is the server's own: {problem}");
    https.mode = HttpsMode::SelfSigned;
    Some(note)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const PLAN: &str = "\
lab: lab
region: us-east-1
instance:
  image: ubuntu-24.04
  instance_type: t3.micro
  key_pair: k.pub
  root_volume: { size: 30 GiB, type: gp3 }
elastic_ip: true
security_group:
  ingress:
    - { port: 22, from: [anywhere] }
    - { port: 80, from: [anywhere] }
    - { port: 443, from: [anywhere] }
dns:
  zone: lab.example
  records: [{ name: \"@\", type: A, value: elastic-ip }]
workbench:
  domain: lab.example
  https: { mode: lets-encrypt, email: a@lab.example }
";

    fn recast_with(problem: Option<&str>) -> (Plan, String) {
        let status = json!({
            "lab": "lab", "port": 1, "engine": null, "image": null, "problems": [], "machines": [], "names": {},
            "authority": { "directory": "https://acme.sandbox.internal:1/dir", "root": "/root.pem" },
            "authority_problem": problem,
        });
        let parsed = crate::plan::parse("lab.yaml", PLAN)
            .map_err(|found| format!("{:?}", found.problems))
            .unwrap();
        let mut plan = parsed.plan;
        let note = recast(&mut plan, &serde_json::from_value(status).unwrap());
        (plan, note.unwrap())
    }

    /// Else a plan right after an apply would have changes as soon as the authority runs.
    #[test]
    fn authority_that_is_still_to_come_changes_no_file() {
        let (running, _) = recast_with(None);
        let (coming, note) = recast_with(Some("its port is taken"));
        assert_eq!(coming, running);
        assert!(
            note.contains("until it runs") && note.contains("its port is taken"),
            "{note}"
        );
    }
}
