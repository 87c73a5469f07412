//! Python and R for everyone: what builds them anew, and what their end takes away.

use super::*;
use crate::host::desired::Packages;

const LANGUAGES: &str = "  python: { version: [3.12.4, system], packages: [pandas] }
  r: { version: system }
";

fn with(languages: &str) -> DesiredHost {
    wanted(&format!("{WORKBENCH}{languages}"))
}

#[test]
fn languages_as_wanted_are_no_change() {
    let host = with(LANGUAGES);
    assert_eq!(changes(&host, &as_wanted(&host)), [""; 0]);
}

#[test]
fn a_package_builds_every_python_anew_and_restarts_nothing() {
    let facts = as_wanted(&with(LANGUAGES));
    let host = with(&LANGUAGES.replace("[pandas]", "[pandas, six]"));
    let expected = ["Update /opt/python/3.12.4", "Update /opt/python/system"];
    assert_eq!(changes(&host, &facts), expected);
}

#[test]
fn another_version_comes_beside_the_first() {
    let facts = as_wanted(&with(LANGUAGES));
    let host = with(&LANGUAGES.replace("3.12.4,", "3.12.4, 3.13.1,"));
    let all = changes(&host, &facts);
    for change in [
        "Create /opt/python/3.13.1",
        "Create /usr/local/bin/python3.13 []",
        "Create /usr/local/bin/python3.13.1 []",
        "Create /usr/local/share/jupyter/kernels/python-3.13.1/kernel.json []",
        "Update /etc/profile.d/labctl-python.sh []",
    ] {
        assert!(all.contains(&change.to_owned()), "{change} in {all:?}");
    }
    assert_eq!(all.len(), 5, "{all:?}");
}

#[test]
fn of_two_with_one_minor_version_the_first_has_the_short_name() {
    let host = with(&LANGUAGES.replace("3.12.4,", "3.12.4, 3.12.1,"));
    let command = |name: &str| &host.files[&format!("/usr/local/bin/python{name}")].content;
    assert!(command("3.12").contains("/opt/python/3.12.4/bin/python3 "));
    assert!(command("3.12.1").contains("/opt/python/3.12.1/bin/python3 "));
}

#[test]
fn another_mirror_builds_nothing_anew() {
    let facts = as_wanted(&with(LANGUAGES));
    let mirrors = "  mirrors: { python: https://mirror.example/python }\n";
    let host = with(&format!("{LANGUAGES}{mirrors}"));
    assert_eq!(changes(&host, &facts), [""; 0]);
}

#[test]
fn another_lock_builds_its_environment_anew() {
    let mut host = with(LANGUAGES);
    let facts = as_wanted(&host);
    let environments = host.environments.iter_mut();
    for environment in environments.filter(|known| known.name == "python-system") {
        environment.packages.lock.push_str("six==1.17.0\n");
    }
    assert_eq!(changes(&host, &facts), ["Update /opt/python/system"]);
}

#[test]
fn without_jupyterhub_there_are_no_kernels() {
    let host = wanted(LANGUAGES);
    let kernels = host.files.keys().filter(|path| path.contains("kernel"));
    assert_eq!(kernels.count(), 0);
    assert!(!host.packages.contains("r-cran-irkernel"));
    for environment in &host.environments {
        let Packages {
            requirements, lock, ..
        } = &environment.packages;
        assert!(requirements.ends_with("pandas\n"), "{requirements}");
        assert!(!requirements.contains("ipykernel"), "{requirements}");
        assert!(
            lock.contains("pip==") && !lock.contains("ipykernel"),
            "{lock}"
        );
    }
}

#[test]
fn languages_that_leave_the_plan_leave_the_path_and_the_kernels() {
    let facts = as_wanted(&with(LANGUAGES));
    let host = with("");
    let all = changes(&host, &facts);
    for change in [
        "Delete /opt/python/3.12.4",
        "Delete /opt/python/system",
        "Delete /etc/profile.d/labctl-python.sh []",
        "Delete /usr/local/bin/python3.12.4 []",
        "Delete /usr/local/share/jupyter/kernels/ir/kernel.json []",
        "Delete /etc/R/Rprofile.site []",
    ] {
        assert!(all.contains(&change.to_owned()), "{change} in {all:?}");
    }
    assert!(
        !all.iter().any(|change| change.contains("restart")),
        "{all:?}"
    );
}

#[test]
fn another_r_of_rigs_restarts_rstudio() {
    let sum = "0".repeat(64);
    let text = format!(
        "  r: {{ version: 4.4.1 }}
  rstudio: {{}}
  mirrors:
    rstudio: {{ url: https://mirror.example/rstudio.deb, sha256: \"{sum}\" }}
    rig: {{ url: https://mirror.example/rig.deb, sha256: \"{sum}\" }}
"
    );
    let facts = as_wanted(&with(&text));
    let host = with(&text.replace("4.4.1", "4.4.2"));
    let expected = [
        "Update /opt/labctl-r",
        "restart rstudio-server.service: `/opt/labctl-r` changes",
    ];
    assert_eq!(changes(&host, &facts), expected);
}
