//! What most commands begin with: the plan, the keys, the connection to AWS.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use crate::cloud::api::aws::{Access, Aws, CallLog, Made};
use crate::cloud::api::profile::Profile;
use crate::cloud::api::variables::{self, Unusable};
use crate::cloud::diff::Refusal;
use crate::cloud::lower;
use crate::cloud::planning::Laptop;
use crate::commands::arguments::Global;
use crate::host;
use crate::plan::{self, CertificateFiles, LocalFolders, Parsed, Workbench};
use crate::report::Out;
use crate::support::folders;

use super::Failure;
use super::route::Route;
use super::{my_ip, rehearsal};

/// Finds and reads the plan file.
pub fn load(global: &Global) -> Result<Parsed, Failure> {
    // `LABCTL_FILE` has become `--file` already.
    let file = plan::find(global.file.as_deref(), None, Path::new("."))?;
    let file = file.strip_prefix(".").map(PathBuf::from).unwrap_or(file);
    Ok(rehearsal::in_its_account(plan::load(&file)?, global))
}

/// Finds and reads the plan file for a command that is about what it says, and
/// shows what is doubtful in it.
pub fn load_with_warnings(global: &Global, out: &Out) -> Result<Parsed, Failure> {
    let parsed = load(global)?;
    out.warnings(&parsed.warnings, &parsed.source);
    Ok(parsed)
}

/// Gathers what the plan needs of the laptop: the keys, folders and certificate that it
/// names, and this laptop's address where it says `my-ip`.
pub async fn laptop(parsed: &Parsed, global: &Global, out: &Out) -> Result<Laptop, Failure> {
    let laptop = laptop_without_address(parsed)?;
    let folders = folders(parsed, out)?;
    let certificate = certificate(parsed, out)?;
    Ok(Laptop {
        my_ip: my_ip(parsed, global).await?,
        folders,
        certificate,
        ..laptop
    })
}

/// Finds out which address `my-ip` is, where the plan says it.
pub async fn my_ip(parsed: &Parsed, global: &Global) -> Result<Option<IpAddr>, Failure> {
    Ok(match (lower::needs_my_ip(&parsed.plan), global.my_ip) {
        (false, _) => None,
        (true, Some(address)) => Some(address),
        (true, None) if global.sandbox => Some(rehearsal::MY_IP),
        (true, None) => Some(my_ip::ask().await?),
    })
}

/// Gathers what commands need that write no rules: the keys.
pub fn laptop_without_address(parsed: &Parsed) -> Result<Laptop, Failure> {
    let keys = plan::read_keys(parsed, folders::home().as_deref())
        .map_err(|problems| Failure::problems(parsed.source.clone(), problems))?;
    Ok(Laptop {
        authorized_keys: host::Inputs::new(&keys).authorized_keys,
        public_key: keys.key_pair,
        my_ip: None,
        folders: LocalFolders::default(),
        certificate: None,
    })
}

/// Reads the folders that the plan names, and shows what is doubtful in them.
pub fn folders(parsed: &Parsed, out: &Out) -> Result<LocalFolders, Failure> {
    let (folders, warnings) = plan::read_folders(parsed, folders::home().as_deref())
        .map_err(|problems| Failure::problems(parsed.source.clone(), problems))?;
    out.warnings(&warnings, &parsed.source);
    Ok(folders)
}

/// Reads the certificate of the mode `files`, and shows what is doubtful in it.
pub fn certificate(parsed: &Parsed, out: &Out) -> Result<Option<CertificateFiles>, Failure> {
    let workbench = parsed.plan.workbench.as_ref();
    let names = workbench.map(|workbench| plan::server_names(&parsed.plan, workbench));
    let (home, now) = (folders::home(), SystemTime::now());
    let names = names.unwrap_or_default();
    let certificate = plan::read_certificate(parsed, home.as_deref(), &names, now)
        .map_err(|problems| Failure::problems(parsed.source.clone(), problems))?;
    for remark in certificate
        .iter()
        .flat_map(|certificate| &certificate.remarks)
    {
        out.warning(remark);
    }
    Ok(certificate)
}

/// Gives the plan's `workbench`, for what is about the server's files alone.
pub fn workbench(parsed: &Parsed) -> Result<&Workbench, Failure> {
    parsed.plan.workbench.as_ref().ok_or_else(|| {
        Failure::said(
            "the plan has no `workbench`, so that nothing is configured on the server",
            "add a `workbench` section; `labctl init` writes one",
        )
    })
}

/// Connects to the plan's region, in AWS or in the sandbox, and gives the way to the lab's server too. With `-v` each
/// call is shown.
pub async fn connect<'a>(
    parsed: &Parsed,
    global: &Global,
    out: &'a Out,
) -> Result<(Aws<'a>, Route), Failure> {
    let region = parsed.plan.region.to_string();
    let log = global.verbose.then(|| call_log(out));
    if global.sandbox {
        rehearsal::check_options(global)?;
        let rehearsal = rehearsal::up(&parsed.plan, out).await?;
        let sandbox = &rehearsal.sandbox;
        let aws = Aws::emulated(&region, &sandbox.endpoint(), sandbox.key(), log);
        return Ok((aws, Route::Sandbox(Box::new(rehearsal))));
    }
    if let Some(Unusable { name, has }) = variables::unusable(std::env::vars_os()) {
        return Err(Failure::said(
            format!("the variable `{name}` has {has}, so that nothing can be asked of AWS"),
            "set it anew; a file that was written on Windows is mended by `sed -i 's/\\r$//' FILE`",
        ));
    }
    let access = access(region, global, out).await?;
    Ok((Aws::connect(&access, log).await, Route::to_aws(global)))
}

/// Finds out how to get to the account: what the SDK does not do of itself.
async fn access(region: String, global: &Global, out: &Out) -> Result<Access, Failure> {
    let profile = Profile::load(global.profile.as_deref()).await;
    let bundle = profile.bundle().map_err(|error| {
        Failure::said(
            error.to_string(),
            "name a file with certificates in PEM, or unset it",
        )
    })?;
    // Keys of the environment come before every profile.
    let has_keys = std::env::var_os("AWS_ACCESS_KEY_ID").is_some();
    let credentials = match profile.mfa_device().filter(|_| !has_keys) {
        Some(device) => {
            let code = mfa_code(profile.name(), device, out)?;
            let role = profile.assume_role(&code, &region, bundle.as_deref());
            Some(role.await.map_err(Failure::Call)?)
        }
        None => None,
    };
    Ok(Access {
        region,
        profile: global.profile.clone(),
        bundle,
        credentials,
    })
}

/// Asks for the code of a device.
fn mfa_code(profile: &str, device: &str, out: &Out) -> Result<String, Failure> {
    let code = match out.is_terminal() {
        true => out.prompt(&format!("code of the MFA device `{device}`:")),
        false => None,
    };
    code.ok_or_else(|| {
        Failure::said(
            format!(
                "the AWS profile `{profile}` takes a code of the MFA device `{device}`, and this is no terminal to ask \
                 for it"
            ),
            format!(
                "let the AWS CLI ask, and hand the credentials on: `eval \"$(aws configure export-credentials \
                 --profile {profile} --format env)\"`"
            ),
        )
    })
}

fn call_log(out: &Out) -> CallLog<'_> {
    let tally = Tally {
        out,
        by_service: RefCell::default(),
    };
    Box::new(move |made: Made<'_>| tally.add(&made))
}

/// Counts calls, and how often they had to be sent again; says so at the end.
struct Tally<'a> {
    out: &'a Out,
    /// Calls and requests.
    by_service: RefCell<BTreeMap<&'static str, (u32, u32)>>,
}

impl Tally<'_> {
    fn add(&self, made: &Made<'_>) {
        let mut by_service = self.by_service.borrow_mut();
        let (calls, requests) = by_service.entry(made.call.service).or_default();
        *calls += 1;
        *requests += made.requests;
        let count: u32 = by_service.values().map(|(calls, _)| calls).sum();
        let ending = made
            .error
            .map(|error| format!(": {}", error.code()))
            .unwrap_or_default();
        let again = match made.requests {
            0 | 1 => String::new(),
            requests => format!(" in {requests} attempts"),
        };
        let (call, millis) = (made.call, made.took.as_millis());
        self.out
            .say(&format!("call {count}: {call}, {millis} ms{again}{ending}"));
    }
}

impl Drop for Tally<'_> {
    fn drop(&mut self) {
        let by_service = self.by_service.borrow();
        let calls: u32 = by_service.values().map(|(calls, _)| calls).sum();
        let retries = by_service
            .iter()
            .map(|(service, (calls, requests))| (service, requests.saturating_sub(*calls)));
        let retries: Vec<_> = retries.filter(|(_, count)| *count > 0).collect();
        let count: u32 = retries.iter().map(|(_, count)| count).sum();
        let parts: Vec<_> = retries
            .iter()
            .map(|(service, count)| format!("{service} {count}"))
            .collect();
        let parts = match parts.as_slice() {
            [] => String::new(),
            parts => format!(" ({})", parts.join(", ")),
        };
        if calls > 0 {
            self.out
                .say(&format!("calls: {calls}; retries: {count}{parts}"));
        }
    }
}

/// Shows refusals as problems at their places in the plan file.
pub fn refusals(parsed: &Parsed, refusals: &[Refusal]) -> Result<(), Failure> {
    if refusals.is_empty() {
        return Ok(());
    }
    let problems = refusals
        .iter()
        .map(|refusal| parsed.problem(&refusal.path, &refusal.summary, &refusal.help));
    Err(Failure::problems(parsed.source.clone(), problems.collect()))
}
