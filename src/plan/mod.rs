//! The plan file: from YAML text to a valid [`Plan`], or to every problem of the file at once.
//!
//! ```text
//! text ──tree──▶ nodes with places ──shape (against the schema)──▶ value ──serde──▶ Plan ──checks──▶ Parsed
//! ```
//!
//! Each stage collects problems with their places instead of stopping. Scalars become types that are valid by
//! construction, so nothing behind this module checks them again. All of it is pure but `load` and `folders`, which read files.

mod bucket_users;
mod certificate;
mod checks;
mod diagnostics;
mod folders;
mod init;
mod keys;
mod load;
pub mod local_folder;
mod model;
mod names;
mod problem;
mod scalars;
mod schema;
mod shape;
mod source;
mod suggest;
mod tree;
pub mod txt;

use std::path::{Path, PathBuf};

use serde_yaml::Mapping;

use shape::Shape;

pub use bucket_users::{bucket_users, withheld_keys};
pub use certificate::{CertificateFiles, Private, Which};
pub use diagnostics::render;
pub use folders::{LocalFolders, Upload, read_folders};
pub use init::{InitAnswers, init_text};
pub use keys::{KeyAlgorithm, SshPublicKey};
pub use load::{
    FindError, KeyFiles, LoadError, find, from_bytes, load, read_certificate, read_keys,
};
pub use model::{
    Access, Api, Bucket, BucketGrant, Dns, Download, GithubActions, HTTP_PORT, HTTPS_PORT, Https,
    HttpsMode, IngressRule, Instance, Jupyterhub, LEAST_HSTS, Language, Limits, Mirrors, Network,
    Plan, Python, R, Record, RecordType, RecordValue, RecordValues, RootVolume, Rstudio,
    SecurityGroup, Shiny, User, Workbench, companion_name,
};
pub use names::{WebName, certificate_names, challenge_names, main_names, server_names, web_names};
pub use problem::{Problem, Problems, Severity};
pub use scalars::{
    AmiId, BranchName, BucketName, BuildArgument, BuildValue, CidrSource, ContainerImage, CpuLimit,
    Dollars, DomainName, DurationSetting, Email, FilePath, Gibibytes, Image, InstanceType, Invalid,
    LabName, MemorySize, ModelLocation, PolicyArn, Port, PythonRequirement, PythonVersion,
    RVersion, RecordName, Region, RepositoryName, RuleDescription, Sha256, SubnetId, TagKey,
    TagValue, Ttl, TypePattern, Url, UrlPath, UserName, VolumeType, VpcId, partition,
};
pub use schema::schema;
pub use source::{Source, Span};
pub use suggest::nearest;

/// A plan with the file it came from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Parsed {
    /// The plan.
    pub plan: Plan,
    /// What may be wrong with it.
    pub warnings: Vec<Problem>,
    /// The file, with the places of all paths.
    pub source: Source,
}

impl Parsed {
    /// Makes an error at a path of the plan, for stages that learn of it later.
    pub fn problem(
        &self,
        path: &str,
        summary: impl Into<String>,
        help: impl Into<String>,
    ) -> Problem {
        Problem::error(path, self.source.place(path), summary).with_help(help)
    }

    /// Gives where a file lies that the plan names: relative paths start at the
    /// plan file's folder. None for a path in a home that is not known.
    pub fn place(&self, file: &FilePath, home: Option<&Path>) -> Option<PathBuf> {
        let folder = Path::new(&self.source.name).parent();
        file.resolve(home, folder.unwrap_or(Path::new("")))
    }

    /// Joins problems with the file they are in.
    pub fn problems(self, problems: Vec<Problem>) -> Problems {
        Problems::new(self.source, problems)
    }
}

/// Reads a plan from the text of a file.
///
/// # Errors
///
/// Gives every problem of the text, warnings included.
pub fn parse(name: &str, text: &str) -> Result<Parsed, Problems> {
    let mut source = Source::new(name, text);
    let (root, mut problems) = tree::read(&source);
    let Some(root) = root else {
        return Err(Problems::new(source, problems));
    };
    root.record_places("", &mut source);

    let Shape {
        value,
        problems: misshapen,
        unsound,
    } = shape::check(&root, schema::shared());
    problems.extend(misshapen);
    let plan = match fill(value) {
        Ok(plan) => plan,
        Err(error) => {
            let summary = format!("labctl cannot read a plan that it found sound: {error}");
            let defect = Problem::error("", source.place(""), summary)
                .with_help("this is a defect of labctl; please report it with the plan");
            problems.push(defect);
            return Err(Problems::new(source, problems));
        }
    };
    problems.extend(checks::check(&plan, &source, &unsound));
    let problems = Problems::new(source, problems);
    if problems
        .problems
        .iter()
        .any(|problem| problem.severity == Severity::Error)
    {
        return Err(problems);
    }
    Ok(Parsed {
        plan,
        warnings: problems.problems,
        source: problems.source,
    })
}

/// Stands in for what every plan needs while the file's own is unsound, so that the rest can be checked all the same.
const STAND_IN: &str = "{ lab: lab, region: us-east-1, instance: { image: ubuntu-24.04, instance_type: t3.micro, key_pair: key.pub } }";

/// Fills the types. What `shape` let pass fits them.
fn fill(value: Mapping) -> Result<Plan, serde_yaml::Error> {
    let mut plan: Mapping = serde_yaml::from_str(STAND_IN)?;
    plan.extend(value);
    serde_yaml::from_value(plan.into())
}
