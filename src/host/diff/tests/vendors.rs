//! Packages that come from their vendors: installed once, and again when their sum changes.

use super::*;

const R: &str = "  r: { version: system }
";
const NEWER: &str = "bb00000000000000000000000000000000000000000000000000000000000000";

fn rstudio(sha256: &str) -> String {
    format!(
        "{WORKBENCH}{R}  rstudio: {{}}
  mirrors: {{ rstudio: {{ url: https://mirror.example/rstudio.deb, sha256: {sha256} }} }}
"
    )
}

fn older() -> String {
    rstudio("aa00000000000000000000000000000000000000000000000000000000000000")
}

#[test]
fn a_vendors_package_that_is_there_is_no_change() {
    let host = wanted(&older());
    assert_eq!(changes(&host, &as_wanted(&host)), [""; 0]);
}

#[test]
fn another_address_of_the_same_file_is_no_change() {
    let facts = as_wanted(&wanted(&older()));
    let host = wanted(&older().replace("mirror.example", "elsewhere.example"));
    assert_eq!(changes(&host, &facts), [""; 0]);
}

#[test]
fn another_sum_replaces_the_package_and_restarts_its_unit() {
    let facts = as_wanted(&wanted(&older()));
    let host = wanted(&rstudio(NEWER));
    let expected = [
        "Update package.rstudio-server",
        "restart rstudio-server.service: `package.rstudio-server` changes",
    ];
    assert_eq!(changes(&host, &facts), expected);
    let noted = diff(&host, &facts).manifest.downloads;
    assert_eq!(noted["rstudio-server"], NEWER);
}

#[test]
fn a_package_that_somebody_removed_or_installed_otherwise_comes_again() {
    let host = wanted(&older());
    let mut facts = as_wanted(&host);
    facts.packages.remove("rstudio-server");
    assert_eq!(changes(&host, &facts)[0], "Create package.rstudio-server");
    let mut facts = as_wanted(&host);
    facts.manifest.as_mut().unwrap().downloads.clear();
    assert_eq!(changes(&host, &facts)[0], "Update package.rstudio-server");
}

#[test]
fn rstudio_leaves_with_its_unit_and_files_and_its_package_stays_known() {
    let facts = as_wanted(&wanted(&older()));
    let host = wanted(&format!("{WORKBENCH}{R}"));
    let all = changes(&host, &facts);
    for change in [
        "Delete /etc/rstudio/rserver.conf []",
        "Delete /etc/pam.d/rstudio []",
        "stop rstudio-server.service: it left the plan",
    ] {
        assert!(all.contains(&change.to_owned()), "{change} in {all:?}");
    }
    assert!(
        !all.iter().any(|change| change.contains("package.")),
        "{all:?}"
    );
    let manifest = diff(&host, &facts).manifest;
    assert!(manifest.downloads.contains_key("rstudio-server"));
    assert!(!manifest.units.contains_key("rstudio-server.service"));
}
