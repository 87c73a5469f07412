//! Every file of the host, in every combination that matters: as a snapshot,
//! and given to the program that will read it.

mod checkers;

use std::path::Path;
use std::sync::Arc;

use labctl::host::{DesiredHost, Inputs, desired};
use labctl::plan;
use labctl::plan::local_folder::LocalFolder;

use crate::support::{files_below, snapshot};

pub use checkers::check;

const HEAD: &str = "\
lab: do4ds-lab
region: us-east-1
instance:
  image: ubuntu-24.04
  instance_type: t3.medium
  key_pair: ~/.ssh/id_ed25519.pub
  root_volume: { size: 30 GiB, type: gp3 }
elastic_ip: true
security_group:
  ingress:
    - { port: 22, from: [anywhere] }
    - { port: 80, from: [anywhere] }
    - { port: 443, from: [anywhere] }
dns:
  zone: do4ds-lab.shop
  records:
    - { name: \"@\", type: A, value: elastic-ip }
    - { name: \"*\", type: A, value: elastic-ip }
    - { name: www, type: CNAME, value: \"@\" }
workbench:
  domain: do4ds-lab.shop
";
const LETS_ENCRYPT: &str = "  https: { mode: lets-encrypt, email: me@do4ds-lab.shop }\n";
const SELF_SIGNED: &str = "  https: { mode: self-signed }\n";
const OFF: &str = "  https: { mode: off }\n";
const USERS: &str = "  users: [{ name: test-user, sudo: true }, { name: guest }]\n";
/// One reads, one does what the server does, one does neither.
const BUCKET_USERS: &str = "  users: [{ name: ada, bucket_access: read-write }, { name: bob, bucket_access: true }, { name: eve }]\n";
const HUB: &str =
    "  jupyterhub: { path: /jupyter, memory_limit: 700M, cpu_limit: 1.5, idle_timeout: 1h }\n";
const PLAIN_HUB: &str = "  jupyterhub: {}\n";
const AGEING_HUB: &str = "  jupyterhub: { max_age: 2d }\n";
const SHINY: &str = "  shiny: { path: /penguins, app: app, language: python }\n";
const SHINY_IN_R: &str = "  shiny: { path: /penguins, app: app-r, language: r }\n";
const BUCKET: &str = "bucket: { name: penguins-of-ours, instance_access: read }\n";
const API: &str = "  api: { build: api, model: s3://penguins-of-ours/penguin_model }\n";
const PUBLIC_API: &str = "  api: { path: /penguins-api, public: true, build: api, build_args: { BASE_IMAGE: mirror/python }, model: models/penguin_model, memory_limit: 1G }\n";
const API_OF_AN_IMAGE: &str =
    "  api: { image: ghcr.io/octocat/model:1, model: s3://penguins-of-ours/a/b }\n";
const DNS: &str = "  https: { mode: dns, hsts: 1y }\n";
const APPS_WITH_NAMES: &str = "  shiny: { host: app.do4ds-lab.shop, app: app, language: python, memory_limit: 1G }
  api: { host: model.do4ds-lab.shop, public: true, build: api, model: s3://penguins-of-ours/penguin_model }
";
const REBOOT: &str = "  reboot: { window: \"sun 04:00\" }\n";
const NO_PAGE: &str = "  landing_page: false\n";
const PYTHON: &str = "  python: { packages: [pandas] }\n";
const PYTHONS: &str =
    "  python: { version: [3.12.4, system, 3.12.1], packages: [\"pandas>=2.2\", six] }\n";
const R: &str = "  r: { version: system }\n";
const R_BY_RIG: &str = "  r: { version: 4.4.1 }\n";
const RSTUDIO: &str = "  rstudio: { path: /my/r.studio }\n";
/// Sums of nothing: no package of a vendor is downloaded here.
const MIRRORS: &str = "  mirrors:
    pip: https://mirror.example/pypi/simple
    cran: https://mirror.example/cran
    python: https://mirror.example/python
    rstudio: { url: https://mirror.example/rstudio.deb, sha256: 0000000000000000000000000000000000000000000000000000000000000000 }
    rig: { url: https://mirror.example/rig.deb, sha256: 0000000000000000000000000000000000000000000000000000000000000000 }
";

const BY_SHINY_SERVER: &str = "  mirrors: { shiny_server: { url: https://mirror.example/shiny.deb, sha256: 0000000000000000000000000000000000000000000000000000000000000000 } }
";

fn host(parts: &[&str]) -> DesiredHost {
    let text = format!("{BUCKET}{HEAD}{}", parts.concat());
    let parsed =
        plan::parse("lab.yaml", &text).unwrap_or_else(|found| panic!("{:?}", found.problems));
    let inputs = Inputs {
        folders: plan::LocalFolders {
            app: Some(example(match text.contains("app-r") {
                true => "app-r",
                false => "app",
            })),
            api: Some(example("api")),
            model: text
                .contains("models/")
                .then(|| example("model/penguin_model")),
        },
        ..Inputs::default()
    };
    desired(
        &parsed.plan,
        parsed.plan.workbench.as_ref().unwrap(),
        &inputs,
    )
    .unwrap()
}

fn example(name: &str) -> Arc<LocalFolder> {
    let place = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/penguins");
    Arc::new(labctl::plan::local_folder::read(&place.join(name)).unwrap())
}

/// One text of all files, each below its path.
fn all(host: &DesiredHost) -> String {
    let mut text = String::new();
    for (path, file) in &host.files {
        text.push_str(&format!("==== {} {path}\n{}", file.mode, file.content));
    }
    for environment in &host.environments {
        let packages = &environment.packages;
        text.push_str(&format!(
            "==== {}, locked by {} bytes{}\n{}\n",
            environment.link,
            packages.lock.len(),
            if packages.is_extended {
                " and by the server"
            } else {
                ""
            },
            packages.requirements
        ));
        let manifest = environment.node.as_ref().map(|node| node.manifest.clone());
        let language = [&environment.version, &environment.interpreters, &manifest];
        for part in language.into_iter().flatten() {
            text.push_str(&format!("{part}\n"));
        }
    }
    for tree in &host.trees {
        let files: Vec<_> = tree.folder.files.keys().collect();
        text.push_str(&format!(
            "==== {} for {:?}\n{files:#?}\n",
            tree.link, tree.reader
        ));
    }
    text.push_str(&format!("==== packages\n{:#?}\n", host.packages));
    for download in &host.downloads {
        text.push_str(&format!("==== downloads\n{download:#?}\n"));
    }
    text.push_str(&format!("==== units\n{:#?}\n", host.units));
    text.push_str(&format!("==== gates\n{:#?}\n", host.gates));
    text
}

#[test]
fn the_whole_host_in_a_picture() {
    snapshot(
        "host_full",
        &all(&host(&[LETS_ENCRYPT, USERS, HUB, SHINY, PUBLIC_API])),
    );
}

#[test]
fn the_least_host_in_a_picture() {
    let least = host(&[OFF, NO_PAGE]);
    snapshot("host_least", &all(&least));
    assert_eq!(least.https, None, "`doctor` looks for no web server");
}

/// By name, by address and through a tunnel alike: nothing that a browser is sent names a host but the one it asked.
#[test]
fn links_and_redirects_hold_under_every_address() {
    let host = host(&[LETS_ENCRYPT, USERS, HUB, SHINY, PUBLIC_API]);
    let page = &host.files["/var/www/labctl/index.html"].content;
    let page = page.replace("&#x2f;", "/");
    let links: Vec<_> = page.split("<a href=\"").skip(1).collect();
    assert_eq!(links.len(), 3, "{page}");
    let is_path = |link: &&str| link.starts_with('/') && !link.starts_with("//");
    assert!(links.iter().all(is_path), "{links:#?}");
    let nginx = &host.files["/etc/nginx/nginx.conf"].content;
    let returns: Vec<_> = nginx
        .lines()
        .filter(|line| line.contains("return 30"))
        .collect();
    assert!(returns.len() > 3, "{nginx}");
    for line in returns {
        let target = line.split_whitespace().nth(2).unwrap();
        assert!(
            target.starts_with('/') || target.starts_with("https://$host"),
            "{line}"
        );
    }
}

#[test]
fn the_languages_in_a_picture() {
    let parts = [SELF_SIGNED, USERS, HUB, PYTHONS, R_BY_RIG, RSTUDIO, MIRRORS];
    let whole = all(&host(&parts));
    // The rest is as in the whole host.
    let plain = all(&host(&[SELF_SIGNED, USERS, HUB]));
    let is_new = |part: &&str| !plain.contains(part);
    let new: Vec<_> = whole.split("==== ").filter(is_new).collect();
    snapshot("host_languages", &new.join("==== "));
}

#[test]
fn users_of_the_bucket_in_a_picture() {
    let whole = all(&host(&[SELF_SIGNED, BUCKET_USERS, HUB, R]));
    // The rest is as without access.
    let plain = BUCKET_USERS
        .replace("read-write", "none")
        .replace("true", "false");
    let plain = all(&host(&[SELF_SIGNED, &plain, HUB, R]));
    let is_new = |part: &&str| !plain.contains(part);
    let new: Vec<_> = whole.split("==== ").filter(is_new).collect();
    snapshot("host_bucket_users", &new.join("==== "));
}

#[test]
fn an_app_by_shiny_server_in_a_picture() {
    let whole = all(&host(&[SELF_SIGNED, SHINY_IN_R, API, BY_SHINY_SERVER]));
    // The rest is as with a unit of the app's own.
    let plain = all(&host(&[SELF_SIGNED, SHINY_IN_R, API]));
    let is_new = |part: &&str| !plain.contains(part);
    let new: Vec<_> = whole.split("==== ").filter(is_new).collect();
    snapshot("host_shiny_server", &new.join("==== "));
}

#[test]
fn every_combination_of_languages_passes_the_programs_that_will_read_it() {
    for hub in ["", HUB] {
        for python in ["", PYTHON, PYTHONS] {
            for r in ["", R, R_BY_RIG] {
                for users in ["", USERS] {
                    let rstudio = if r.is_empty() { "" } else { RSTUDIO };
                    check(&host(&[
                        SELF_SIGNED,
                        users,
                        hub,
                        python,
                        r,
                        rstudio,
                        MIRRORS,
                    ]));
                }
            }
        }
    }
    check(&host(&[OFF, NO_PAGE, R, RSTUDIO, MIRRORS]));
}

#[test]
fn what_an_address_holds_stays_one_string_of_r() {
    let odd = "https://mirror.example/cran?a=%20&b=*!,~#x";
    let mirrors = MIRRORS.replace("https://mirror.example/cran\n", &format!("\"{odd}\"\n"));
    let host = host(&[SELF_SIGNED, R, &mirrors]);
    let profile = &host.files["/etc/R/Rprofile.site"].content;
    assert!(
        profile.contains(&format!("cran <- \"{odd}\"\n")),
        "{profile}"
    );
}

#[test]
fn every_combination_passes_the_programs_that_will_read_it() {
    let mut combinations = 0;
    for https in [LETS_ENCRYPT, SELF_SIGNED, OFF] {
        for users in ["", USERS] {
            for hub in ["", PLAIN_HUB, AGEING_HUB, HUB] {
                for page in ["", NO_PAGE] {
                    check(&host(&[https, users, hub, page]));
                    combinations += 1;
                }
            }
        }
    }
    for https in [DNS, SELF_SIGNED, OFF] {
        check(&host(&[https, NO_PAGE, HUB, APPS_WITH_NAMES, REBOOT]));
    }
    for https in [LETS_ENCRYPT, OFF] {
        for page in ["", NO_PAGE] {
            for apps in [
                &[SHINY, API][..],
                &[SHINY_IN_R, PUBLIC_API],
                &[HUB, SHINY],
                &[API_OF_AN_IMAGE],
                &[BUCKET_USERS, HUB, R],
                &[SHINY_IN_R, API, BY_SHINY_SERVER],
            ] {
                check(&host(&[&[https, page], apps].concat()));
                combinations += 1;
            }
        }
    }
    assert_eq!(combinations, 72);
}

/// Of two settings the last one counts: each user's server has its address with and without access to the bucket.
#[test]
fn one_hook_prepares_a_users_server() {
    for parts in [&[USERS, HUB][..], &[BUCKET_USERS, HUB]] {
        let host = host(parts);
        let text = &host.files["/etc/jupyterhub/jupyterhub_config.py"].content;
        assert_eq!(text.matches("pre_spawn_hook = ").count(), 1, "{text}");
        assert!(text.contains("spawner.ip = ADDRESSES["), "{text}");
    }
}

/// The programs that run as root, and the apps' units; the figures are systemd's own, from 0 to 10 (systemd-analyze(1),
/// "security"), and a unit without any option has 9.6.
#[test]
fn units_take_as_little_as_they_need() {
    let whole = host(&[LETS_ENCRYPT, BUCKET_USERS, SHINY, API, REBOOT]);
    for (unit, limit) in [
        ("labctl-certificate.service", 3.2),
        ("labctl-credentials.service", 2.5),
        ("labctl-isolation.service", 4.9),
        ("labctl-logs.service", 2.0),
        ("labctl-metadata.service", 2.9),
        ("labctl-model.service", 3.3),
        ("labctl-reboot.service", 3.3),
        ("model-api.service", 1.6),
        ("shiny-app.service", 2.0),
    ] {
        let found = checkers::exposure(&whole, unit);
        assert!(found <= limit, "{unit} has {found}");
    }
    let units = whole.files.keys().filter_map(|path| {
        let unit = path.strip_prefix("/etc/systemd/system/labctl-")?;
        unit.ends_with(".service").then_some(path)
    });
    assert_eq!(units.count(), 7, "a unit of root's without a figure");
}

#[test]
fn what_is_broken_does_not_pass() {
    let host = host(&[SELF_SIGNED, BUCKET_USERS, HUB, SHINY, API]);
    for (path, file) in host.files.iter().filter(|(_, file)| file.check.is_some()) {
        let mut broken = host.clone();
        let mut file = file.clone();
        file.content.push_str("\n[Service\n} broken (\n");
        broken.files.insert(path.clone(), file);
        let passed = std::panic::catch_unwind(|| check(&broken)).is_ok();
        assert!(!passed, "{path} passes though it is broken");
    }
}

#[test]
fn every_name_that_leads_to_the_server_is_in_the_certificate_but_no_wildcard() {
    let host = host(&[LETS_ENCRYPT]);
    assert_eq!(host.names, ["do4ds-lab.shop", "www.do4ds-lab.shop"]);
}

/// Its own server block, its own URL for gates and people, and nothing at the lab's names.
#[test]
fn an_app_with_a_name_of_its_own_answers_there_alone() {
    let host = host(&[DNS, HUB, APPS_WITH_NAMES]);
    let nginx = &host.files["/etc/nginx/nginx.conf"].content;
    let (main, own) = nginx.split_once("server_name app.do4ds-lab.shop;").unwrap();
    let (shiny, api) = own.split_once("server_name model.do4ds-lab.shop;").unwrap();
    let has = |text: &str| {
        ["/jupyter/", "/penguins/", "/penguins-api/"]
            .map(|path| text.contains(&format!("location {path} ")))
    };
    assert_eq!(
        [main, shiny, api].map(has),
        [
            [true, false, false],
            [false, true, false],
            [false, false, true]
        ]
    );
    let gates = format!("{:?}", host.gates);
    for url in [
        "https://app.do4ds-lab.shop/penguins/",
        "https://model.do4ds-lab.shop/penguins-api/ping",
    ] {
        assert!(gates.contains(url), "{gates}");
    }
    let page = &host.files["/var/www/labctl/index.html"]
        .content
        .replace("&#x2f;", "/");
    assert!(
        page.contains("href=\"https://app.do4ds-lab.shop/penguins/\""),
        "{page}"
    );
    let names = [
        "do4ds-lab.shop",
        "www.do4ds-lab.shop",
        "app.do4ds-lab.shop",
        "model.do4ds-lab.shop",
    ];
    assert_eq!(host.names, names);
    // The wildcard's certificate is for them, and an authority is not asked for both.
    let settings = &host.files["/etc/labctl/certificate.json"].content;
    let settings: serde_json::Value = serde_json::from_str(settings).unwrap();
    assert_eq!(
        settings["names"],
        serde_json::json!(["do4ds-lab.shop", "*.do4ds-lab.shop"])
    );
}

/// An authority's certificate brings a day, and what the plan says; one that browsers do not trust brings nothing.
#[test]
fn browsers_are_bound_to_https_by_trusted_certificates_alone() {
    let ages = |https: &str| {
        let host = host(&[https, HUB]);
        let nginx = &host.files["/etc/nginx/nginx.conf"].content;
        let age = nginx
            .lines()
            .find_map(|line| line.trim().strip_prefix("on \"max-age="));
        age.map(|age| age.trim_end_matches("\";").to_owned())
    };
    assert_eq!(ages(LETS_ENCRYPT).as_deref(), Some("86400"));
    assert_eq!(ages(DNS).as_deref(), Some("31536000"));
    assert_eq!((ages(SELF_SIGNED), ages(OFF)), (None, None));
}

/// All locks of a host.
fn locks(parts: &[&str]) -> String {
    let host = host(parts);
    let locks = host.environments.iter().map(|environment| {
        let node = environment.node.as_ref();
        let node = node.map(|node| node.lock.as_str()).unwrap_or_default();
        format!("{}{node}", environment.packages.lock)
    });
    locks.collect()
}

#[test]
fn every_template_is_used() {
    let parts = [
        LETS_ENCRYPT,
        USERS,
        HUB,
        PYTHONS,
        R,
        RSTUDIO,
        SHINY,
        PUBLIC_API,
        MIRRORS,
        REBOOT,
    ];
    // A plan says where R's packages come from, or it does not; each has lines of its own.
    let host = all(&host(&parts))
        + &all(&host(&[R, SHINY_IN_R]))
        + &all(&host(&[BUCKET_USERS, HUB, R]))
        + &all(&host(&[SHINY_IN_R, BY_SHINY_SERVER]));
    let locks = locks(&parts);
    let mut unused = Vec::new();
    for path in files_below("templates") {
        // No part of a host: the plan that `init` writes; and uv, whose sums each request brings, and whose version
        // scripts/lock reads.
        let is_of_a_piece = path
            .parent()
            .is_some_and(|folder| !folder.ends_with("templates"));
        if !is_of_a_piece || path.to_str().unwrap().contains("python/installer") {
            continue;
        }
        let text = std::fs::read_to_string(&path).unwrap();
        // The longest line without a tag is in the file that came of it.
        let lines = text
            .lines()
            .filter(|line| !line.contains("{{") && !line.contains("{%"));
        let longest = lines.max_by_key(|line| line.len()).unwrap_or_default();
        if !host.contains(longest) && !locks.contains(longest) {
            unused.push(path);
        }
    }
    assert!(unused.is_empty(), "{unused:?}");
}
