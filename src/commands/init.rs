//! `labctl init`: a first plan, with comments and with what this laptop tells.

use std::fs::OpenOptions;
use std::io::{ErrorKind, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::Args;

use crate::plan::{self, BucketName, DomainName, Email, FilePath, InitAnswers, LabName, Region};
use crate::report::Out;
use crate::support::folders;

use super::Failure;
use super::arguments::Global;

/// What `init` takes.
#[derive(Debug, Args)]
pub struct Arguments {
    /// The lab's name
    #[arg(long, value_name = "NAME", default_value = "do4ds-lab")]
    lab: LabName,
    /// The AWS region
    #[arg(
        long,
        env = "AWS_REGION",
        value_name = "REGION",
        default_value = "us-east-1"
    )]
    region: Region,
    /// A domain of yours, for names and HTTPS
    #[arg(long, value_name = "DOMAIN")]
    domain: Option<DomainName>,
    /// An address for the account at Let's Encrypt, which needs none
    #[arg(long, value_name = "ADDRESS", requires = "domain")]
    email: Option<Email>,
}

const DEFAULT_FILE: &str = "lab.yaml";
const DEFAULT_KEY: &str = "id_ed25519.pub";
const KEYS: &[&str] = &[DEFAULT_KEY, "id_rsa.pub"];

/// Writes the plan, unless the file is there already.
pub fn run(global: &Global, arguments: &Arguments, out: &Out) -> Result<ExitCode, Failure> {
    let file = global
        .file
        .clone()
        .unwrap_or_else(|| PathBuf::from(DEFAULT_FILE));
    let key = find_key();
    let text = plan::init_text(&answers(arguments, key.unwrap_or(DEFAULT_KEY))?)
        .map_err(|error| Failure::said(error.to_string(), "please report this"))?;
    write_new(&file, &text)?;
    out.result(&format!("wrote `{}`", file.display()));
    if key.is_none() {
        out.say(&format!(
            "there is no SSH key in ~/.ssh yet: make one by `ssh-keygen -t ed25519`, which \
             writes ~/.ssh/{DEFAULT_KEY}"
        ));
    }
    out.say("next: read it, change what you like, then run `labctl plan`");
    Ok(ExitCode::SUCCESS)
}

fn find_key() -> Option<&'static str> {
    let folder = folders::home()?.join(".ssh");
    KEYS.iter().copied().find(|key| folder.join(key).is_file())
}

fn answers(arguments: &Arguments, key: &str) -> Result<InitAnswers, Failure> {
    let wrong =
        |error: &dyn std::fmt::Display| Failure::said(error.to_string(), "give another `--lab`");
    let suffix: String = (0..8).map(|_| fastrand::lowercase()).collect();
    let key_pair: FilePath = format!("~/.ssh/{key}")
        .parse()
        .map_err(|error| wrong(&error))?;
    let bucket: BucketName = format!("{}-{suffix}", arguments.lab)
        .parse()
        .map_err(|error| wrong(&error))?;
    Ok(InitAnswers {
        lab: arguments.lab.clone(),
        region: arguments.region.clone(),
        key_pair,
        bucket,
        domain: arguments.domain.clone(),
        email: arguments.email.clone(),
    })
}

fn write_new(file: &Path, text: &str) -> Result<(), Failure> {
    let result = OpenOptions::new().write(true).create_new(true).open(file);
    let written = result.and_then(|mut file| file.write_all(text.as_bytes()));
    written.map_err(|error| match error.kind() {
        ErrorKind::AlreadyExists => Failure::said(
            format!(
                "`{}` is there already, and init overwrites nothing",
                file.display()
            ),
            "name another file by `--file`, or move this one away",
        ),
        _ => Failure::said(
            format!("cannot write `{}`: {error}", file.display()),
            "name a file in a folder of yours by `--file`",
        ),
    })
}
