//! Packages that come from their vendors. labctl knows no sum of any: one that
//! nobody has compared with the vendor's own proves nothing, so the plan gives it.

use super::{Check, Findings};
use crate::plan::model::{Download, Language, Plan};
use crate::plan::scalars::RVersion;

pub(super) const CHECKS: &[Check] = &[
    (&["workbench.rstudio", "workbench.mirrors"], rstudio),
    (&["workbench.r", "workbench.mirrors"], rig),
    (
        &[
            "workbench.mirrors",
            "workbench.shiny",
            "instance.instance_type",
        ],
        shiny_server,
    ),
];

/// A vendor's package, as it is told about.
struct Vendor {
    /// The section that asks for it.
    section: &'static str,
    /// Its key below `mirrors`.
    key: &'static str,
    /// Its name.
    name: &'static str,
    /// What its file ends with.
    file: &'static str,
    /// Where the vendor has it, and its sum.
    page: &'static str,
    /// What can be had without it.
    otherwise: &'static str,
}

fn rstudio(plan: &Plan, findings: &mut Findings<'_>) {
    let workbench = plan.workbench.as_ref();
    let Some(workbench) = workbench.filter(|workbench| workbench.rstudio.is_some()) else {
        return;
    };
    let vendor = Vendor {
        section: "workbench.rstudio",
        key: "rstudio",
        name: "RStudio Server",
        file: "rstudio-server-….deb",
        page: "https://posit.co/download/rstudio-server/",
        otherwise: "",
    };
    proven(&vendor, workbench.mirrors.rstudio.as_ref(), findings);
}

fn rig(plan: &Plan, findings: &mut Findings<'_>) {
    let workbench = plan.workbench.as_ref();
    let is_by_rig = |version: &RVersion| *version != RVersion::System;
    let Some(workbench) =
        workbench.filter(|workbench| workbench.r.as_ref().is_some_and(|r| is_by_rig(&r.version)))
    else {
        return;
    };
    let vendor = Vendor {
        section: "workbench.r",
        key: "rig",
        name: "rig, which installs R",
        file: "r-rig_….deb",
        page: "https://github.com/r-lib/rig/releases",
        otherwise: "; or write `r: { version: system }` for the operating system's own R",
    };
    proven(&vendor, workbench.mirrors.rig.as_ref(), findings);
}

/// Shiny Server runs the app where the plan gives it; nothing asks for it otherwise.
fn shiny_server(plan: &Plan, findings: &mut Findings<'_>) {
    const PATH: &str = "workbench.mirrors.shiny_server";
    let Some(workbench) = &plan.workbench else {
        return;
    };
    let Some(download) = &workbench.mirrors.shiny_server else {
        return;
    };
    match workbench.shiny.as_ref().map(|shiny| shiny.language) {
        None => findings.warning(
            PATH,
            "Shiny Server is not installed: the plan has no Shiny app for it",
            "nothing is downloaded from there",
            "remove it, or add `shiny: { app: path/to/folder, language: r }` to `workbench`",
        ),
        Some(Language::Python) => findings.error(
            PATH,
            "labctl has Shiny Server run apps in R, and this app is in Python",
            "for apps in R",
            "remove it: an app in Python runs as a unit of its own, without Shiny Server",
        ),
        Some(Language::R) => {
            let vendor = Vendor {
                section: "workbench.shiny",
                key: "shiny_server",
                name: "Shiny Server",
                file: "shiny-server-…-amd64.deb",
                page: "https://posit.co/download/shiny-server/",
                otherwise: "",
            };
            proven(&vendor, Some(download), findings);
            shiny_server_needs_amd64(plan, findings);
        }
    }
}

/// Its vendor builds it for one architecture only.
fn shiny_server_needs_amd64(plan: &Plan, findings: &mut Findings<'_>) {
    let instance_type = &plan.instance.instance_type;
    if instance_type.is_graviton() {
        findings.error(
            "workbench.mirrors.shiny_server",
            format!("Shiny Server is made for amd64 only, and `{instance_type}` has a processor of AWS's own (Graviton, arm64)"),
            "not for this server",
            "remove it: without it the app runs as a unit of its own, on Graviton too; or choose another `instance_type`, such as `t3.medium`",
        );
    }
}

/// Finds a package whose file is not named, or whose sum is not.
fn proven(vendor: &Vendor, download: Option<&Download>, findings: &mut Findings<'_>) {
    let Vendor {
        section,
        key,
        name,
        file,
        page,
        otherwise,
    } = vendor;
    let summary = format!("labctl knows no checksum of {name}, and installs nothing without one");
    let compare =
        format!("compare the file with what {page} says, by `sha256sum {file}`, and write");
    match download {
        Some(Download {
            sha256: Some(_), ..
        }) => {}
        Some(Download { url, sha256: None }) => findings.error(
            &format!("workbench.mirrors.{key}"),
            summary,
            "`sha256` is missing",
            format!("{compare} `{key}: {{ url: {url}, sha256: … }}`"),
        ),
        None => findings.error(
            section,
            summary,
            "nothing says which file to install",
            format!(
                "{compare} `mirrors: {{ {key}: {{ url: https://…/{file}, sha256: … }} }}` in `workbench`{otherwise}"
            ),
        ),
    }
}
