//! Packages that come from their vendors. labctl knows no sum of any: one that
//! nobody has compared with the vendor's own proves nothing, so the plan gives it.

use super::{Check, Findings};
use crate::plan::model::{Download, Plan};
use crate::plan::scalars::RVersion;

pub(super) const CHECKS: &[Check] = &[
    (&["workbench.rstudio", "workbench.mirrors"], rstudio),
    (&["workbench.r", "workbench.mirrors"], rig),
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
