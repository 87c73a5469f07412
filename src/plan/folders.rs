//! The folders that a plan names, read at the module's edge.

use std::path::Path;
use std::sync::Arc;

use crate::plan::local_folder::{self, LocalFolder};
use crate::support::hint::Hint;

use super::bucket_users::UPLOADS;
use super::model::{Api, Language, Plan};
use super::problem::Problem;
use super::scalars::{FilePath, ModelLocation};
use super::{Parsed, Severity};

/// The folders of the laptop that a plan names.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct LocalFolders {
    /// What the API's image is built from.
    pub api: Option<Arc<LocalFolder>>,
    /// The Shiny app.
    pub app: Option<Arc<LocalFolder>>,
    /// The model, where it is not in the bucket already.
    pub model: Option<Arc<LocalFolder>>,
}

/// A model to upload, or one that was.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Upload {
    /// The key below which its files are.
    pub key: String,
    /// The files.
    pub folder: Arc<LocalFolder>,
}

impl LocalFolders {
    /// The key in the bucket below which a local model is uploaded. Another
    /// content has another key, so that a model there never changes.
    pub fn model_key(&self, api: &Api) -> Option<String> {
        let ModelLocation::Local(place) = &api.model else {
            return None;
        };
        let sum = self.model.as_ref()?.sha256();
        let place = place.to_string();
        let name = place.trim_end_matches('/').rsplit('/').next();
        let plain = |letter: &char| letter.is_ascii_alphanumeric() || "._-".contains(*letter);
        let name: String = name.unwrap_or_default().chars().filter(plain).collect();
        let name = match name.trim_matches('.') {
            "" => "model",
            name => name,
        };
        Some(format!("{UPLOADS}/{}/{name}", &sum[..12]))
    }

    /// What of the laptop is to be in the plan's bucket.
    pub fn upload(&self, plan: &Plan) -> Option<Upload> {
        let api = plan.workbench.as_ref()?.api.as_ref()?;
        Some(Upload {
            key: self.model_key(api)?,
            folder: self.model.clone()?,
        })
    }

    /// Gives each folder's sum, under the plan's path of it.
    pub fn sums(&self) -> std::collections::BTreeMap<String, String> {
        let folders = [
            ("workbench.api.build", &self.api),
            ("workbench.api.model", &self.model),
            ("workbench.shiny.app", &self.app),
        ];
        let sums = folders
            .into_iter()
            .filter_map(|(path, folder)| Some((path.to_owned(), folder.as_ref()?.sha256())));
        sums.collect()
    }
}

/// Reads the folders that a plan names, and gives warnings about files in them that look like secrets. Relative paths
/// start at the plan file's folder.
///
/// # Errors
///
/// Gives a problem for every folder that cannot be sent, at the place that names it.
pub fn read_folders(
    parsed: &Parsed,
    home: Option<&Path>,
) -> Result<(LocalFolders, Vec<Problem>), Vec<Problem>> {
    let mut reader = Reader {
        parsed,
        home,
        problems: Vec::new(),
    };
    let mut folders = LocalFolders::default();
    let Some(workbench) = &parsed.plan.workbench else {
        return Ok((folders, Vec::new()));
    };
    if let Some(api) = &workbench.api {
        if let Some(build) = &api.build {
            folders.api = reader.folder("workbench.api.build", build, &[&["Dockerfile"]]);
        }
        if let ModelLocation::Local(place) = &api.model {
            folders.model = reader.folder("workbench.api.model", place, &[]);
        }
    }
    if let Some(shiny) = &workbench.shiny {
        let needed: &[&[&str]] = match shiny.language {
            Language::Python => &[&["app.py"]],
            Language::R => &[&["app.R"], &["server.R", "ui.R"]],
        };
        folders.app = reader.folder("workbench.shiny.app", &shiny.app, needed);
    }
    let (errors, warnings) = reader
        .problems
        .into_iter()
        .partition::<Vec<_>, _>(|problem| problem.severity == Severity::Error);
    match errors.is_empty() {
        true => Ok((folders, warnings)),
        false => Err(errors),
    }
}

/// Reads folders and collects what is wrong with them.
struct Reader<'a> {
    parsed: &'a Parsed,
    home: Option<&'a Path>,
    problems: Vec<Problem>,
}

impl Reader<'_> {
    /// Reads one folder, in which one of the lists of files has to be.
    fn folder(
        &mut self,
        path: &str,
        file: &FilePath,
        needed: &[&[&str]],
    ) -> Option<Arc<LocalFolder>> {
        let Some(place) = self.parsed.place(file, self.home) else {
            let summary = format!("`{file}` starts at your home folder, which is not known");
            let problem = self
                .parsed
                .problem(path, summary, "set `HOME`, or write the whole path");
            self.problems.push(problem.with_label("no home folder"));
            return None;
        };
        let folder = match local_folder::read(&place) {
            Ok(folder) => folder,
            Err(error) => {
                let summary = format!("the folder `{file}` cannot be sent: {error}");
                let problem = self.parsed.problem(path, summary, error.hint());
                self.problems.push(problem.with_label("cannot be sent"));
                return None;
            }
        };
        let has = |list: &&[&str]| list.iter().all(|name| folder.files.contains_key(*name));
        if !needed.is_empty() && !needed.iter().any(has) {
            let wanted: Vec<_> = needed
                .iter()
                .map(|list| format!("`{}`", list.join("` and `")))
                .collect();
            let wanted = wanted.join(" or ");
            let summary = format!("the folder `{file}` has no {wanted}");
            let help = format!("labctl looked into `{}`; add {wanted}", place.display());
            let problem = self.parsed.problem(path, summary, help);
            self.problems
                .push(problem.with_label("something is missing"));
            return None;
        }
        self.warn(path, file, &folder);
        Some(Arc::new(folder))
    }

    fn warn(&mut self, path: &str, file: &FilePath, folder: &LocalFolder) {
        let secrets = folder.secrets();
        if secrets.is_empty() {
            return;
        }
        let names: Vec<_> = secrets.iter().map(|name| format!("`{name}`")).collect();
        let summary = format!("in `{file}`, {} may hold secrets", names.join(", "));
        let help = "name in its `.dockerignore` what is not meant for the server";
        let problem = self.parsed.problem(path, summary, help);
        let problem = Problem {
            severity: Severity::Warning,
            ..problem.with_label("is sent as a whole")
        };
        self.problems.push(problem);
    }
}
