//! Every plan that labctl ships is walked in a sandbox, as its user would: it is applied, the pages that apply prints
//! answer, and a second plan has no changes. So is every way to serve pages that asks no authority.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use labctl::plan::{self, Plan};

use crate::host::applied;
use crate::host::machine::{HUB, SMALL, Server, done};
use crate::host::mirror::{self, MIRROR};
use crate::host::model_api::IMPORT_BASE;
use crate::support::{Ran, files_below, python};

use super::life;
use super::rehearsal::{self, Rehearsal};

/// The files of `plans/` and `examples/`, each with the test that walks it.
const WALKED: [(&str, fn()); 7] = [
    ("examples/bare-server.yaml", bare_server_is_walked),
    (
        "examples/dedicated-network.yaml",
        dedicated_network_is_walked,
    ),
    ("examples/existing-zone.yaml", existing_zone_is_walked),
    ("examples/github-actions.yaml", github_actions_is_walked),
    ("examples/minimal.yaml", minimal_is_walked),
    ("examples/two-regions.yaml", two_regions_is_walked),
    // `scripts/demo` applies the file as it is.
    (
        "plans/do4ds-lab.yaml",
        life::demo_of_the_readme_runs_to_its_end,
    ),
];
/// Those that nobody walks yet, each with the reason.
const NOT_WALKED: [(&str, &str); 1] = [(
    "examples/existing-network.yaml",
    "its server is in a private network, which labctl does not make, and reaches nothing but a company's mirrors",
)];

#[test]
fn every_shipped_plan_is_walked_or_says_why_not() {
    let shipped: BTreeSet<_> = ["plans", "examples"]
        .into_iter()
        .flat_map(files_below)
        .filter(|file| file.extension().is_some_and(|end| end == "yaml"))
        // Workflows of GitHub, which `cli::help` looks at.
        .filter(|file| !file.parent().is_some_and(|folder| folder.ends_with("ci")))
        .map(|file| {
            let file = file.strip_prefix(env!("CARGO_MANIFEST_DIR"));
            file.unwrap().to_str().unwrap().to_owned()
        })
        .collect();
    let walked = WALKED.iter().map(|(file, _)| file);
    let listed = walked.chain(NOT_WALKED.iter().map(|(file, _)| file));
    let listed: BTreeSet<_> = listed.map(|file| (*file).to_owned()).collect();
    assert_eq!(shipped, listed);
}

/// The plan as it is but for what cannot be had here: types and images of instances, what is downloaded and from where,
/// and versions of Python, of which there is one.
fn is_the_same_but_for_what_cannot_be_had(shipped: &str, walked: &str) {
    let parse = |text: &str| plan::parse("lab.yaml", text).unwrap().plan;
    let (shipped, mut walked): (Plan, Plan) = (parse(shipped), parse(walked));
    walked.instance.instance_type = shipped.instance.instance_type.clone();
    walked.instance.image = shipped.instance.image.clone();
    if let (Some(walked), Some(shipped)) = (&mut walked.workbench, &shipped.workbench) {
        walked.mirrors = shipped.mirrors.clone();
        if let (Some(walked), Some(shipped)) = (&mut walked.python, &shipped.python) {
            walked.version.clone_from(&shipped.version);
        }
    }
    assert_eq!(walked, shipped);
}

fn root(file: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(file)
}

/// A server on which JupyterHub is installed already: it comes from nothing in `scripts/quickstart`, and needs a minute.
fn with_hub() -> String {
    applied::image(&format!("{SMALL}{HUB}"))
}

/// A sandbox with an empty server for a shipped plan, with each text of the overlay replaced.
fn walk(file: &str, overlay: &[(&str, &str)]) -> Rehearsal {
    walk_on(rehearsal::image(), file, overlay)
}

/// The same with a server that is made of an image.
fn walk_on(image: &str, file: &str, overlay: &[(&str, &str)]) -> Rehearsal {
    let shipped = fs::read_to_string(root(file)).unwrap();
    let walked = overlay.iter().fold(shipped.clone(), |text, (old, new)| {
        assert!(text.contains(old), "no `{old}` in {file}");
        text.replace(old, new)
    });
    is_the_same_but_for_what_cannot_be_had(&shipped, &walked);
    let rehearsal = Rehearsal::on(&walked, image);
    let penguins = rehearsal.lab.folder.join("penguins");
    std::os::unix::fs::symlink(root("examples/penguins"), penguins).unwrap();
    rehearsal
}

/// Applies; what that prints is true, and nothing is left to do.
fn applies(rehearsal: &Rehearsal) -> Ran {
    let ran = rehearsal.labctl(&["apply", "--yes"]).ok();
    for page in pages(&ran) {
        let status = visit(&ran, &page);
        assert_eq!(status, "200", "{page}\n{ran}");
    }
    rehearsal.labctl(&["plan", "--detailed-exitcode"]).ok();
    ran
}

/// The pages that an apply prints, with their addresses.
fn pages(ran: &Ran) -> Vec<String> {
    let printed = ran.stdout.rsplit("done: ").next().unwrap();
    let lines = printed
        .lines()
        .take_while(|line| !line.starts_with("to look"));
    let words = lines.filter_map(|line| line.split_whitespace().last());
    let pages = words.filter(|word| word.starts_with("http"));
    pages.map(str::to_owned).collect()
}

/// Opens a page by the way that an apply prints for its server; gives the status of the page at the end of redirects.
fn visit(ran: &Ran, page: &str) -> String {
    let origin = page.splitn(4, '/').take(3).collect::<Vec<_>>().join("/");
    let way = ran
        .stdout
        .lines()
        .map(str::trim)
        .find(|line| line.starts_with("curl ") && line.ends_with(&format!(" {origin}/")));
    let way = way.unwrap_or_else(|| panic!("no way to {origin} is shown\n{ran}"));
    let way = way.strip_suffix(&format!("{origin}/")).unwrap();
    let options = "-sS -m 30 --location --output /dev/null --write-out '%{http_code}'";
    let line = format!("{way} {options} '{page}'");
    done(Command::new("sh").args(["-euc", &line]))
}

/// Destroys; neither the account nor Docker has anything of the lab.
fn leaves_nothing(rehearsal: &Rehearsal) {
    rehearsal.labctl(&["destroy", "--yes"]).ok();
    let look = "from outside import Account, counts; found = counts(Account().inventory()); \
                print({kind: count for kind, count in found.items() if count})";
    let line = format!(
        "cd {}; {} -c '{look}'",
        root("tests/emulator").display(),
        python().display()
    );
    assert_eq!(rehearsal.outside(&line), "{}\n");
    rehearsal.labctl(&["sandbox", "down"]).ok();
    rehearsal.is_down();
}

/// The server, which `apply --only cloud` has made.
fn server(rehearsal: &Rehearsal) -> Server {
    rehearsal
        .labctl(&["apply", "--yes", "--only", "cloud"])
        .ok();
    Server::of_container(&rehearsal.container())
}

#[test]
fn minimal_is_walked() {
    let rehearsal = walk("examples/minimal.yaml", &[]);
    applies(&rehearsal);
    // Nothing serves pages there.
    let status = rehearsal.labctl(&["status"]).ok();
    assert!(!status.stdout.contains("curl"), "{status}");
    rehearsal.labctl(&["ssh", "true"]).ok();
    leaves_nothing(&rehearsal);
}

#[test]
fn bare_server_is_walked() {
    let rehearsal = walk("examples/bare-server.yaml", &[]);
    applies(&rehearsal);
    rehearsal.labctl(&["ssh", "true"]).ok();
    rehearsal
        .labctl(&["destroy", "--yes"])
        .refuses(&["protected"]);
}

/// The API waits, as it does until the workflow has published a model; its page says so by 503.
#[test]
fn github_actions_is_walked() {
    let rehearsal = walk("examples/github-actions.yaml", &[]);
    let ran = rehearsal.labctl(&["apply", "--yes"]).ok();
    ran.clone().says(&[
        "the API is waiting for model s3://publish-penguins-models/penguin_model",
        "it starts within five minutes once that is there",
    ]);
    let statuses: Vec<_> = pages(&ran).iter().map(|page| visit(&ran, page)).collect();
    assert_eq!(statuses, ["200", "503"], "{ran}");
    rehearsal.labctl(&["plan", "--detailed-exitcode"]).ok();
    leaves_nothing(&rehearsal);
}

/// The zone and a record of somebody else's are there already, and stay.
#[test]
fn existing_zone_is_walked() {
    const MAKE: &str = "import boto3; client = boto3.client('route53'); \
        zone = client.create_hosted_zone(Name='statistics.example.org', CallerReference='by hand')['HostedZone']['Id']; \
        record = {'Name': 'www.statistics.example.org', 'Type': 'A', 'TTL': 60, 'ResourceRecords': [{'Value': '192.0.2.1'}]}; \
        client.change_resource_record_sets(HostedZoneId=zone, ChangeBatch={'Changes': [{'Action': 'CREATE', 'ResourceRecordSet': record}]})";
    const LIST: &str = "import boto3; client = boto3.client('route53'); \
        (zone,) = client.list_hosted_zones()['HostedZones']; \
        found = client.list_resource_record_sets(HostedZoneId=zone['Id'])['ResourceRecordSets']; \
        print(*sorted(record['Type'] + ' ' + record['Name'] for record in found), sep=', ')";
    let rehearsal = walk("examples/existing-zone.yaml", &[]);
    let boto3 = |program| rehearsal.outside(&format!("{} -c \"{program}\"", python().display()));
    rehearsal.labctl(&["sandbox", "up"]).ok();
    boto3(MAKE);
    let before = boto3(LIST);
    applies(&rehearsal);
    assert_ne!(boto3(LIST), before);
    rehearsal.labctl(&["destroy", "--yes"]).ok();
    assert_eq!(boto3(LIST), before);
}

/// Another processor, and a Python that python-build-standalone would have.
#[test]
fn dedicated_network_is_walked() {
    let version = second_python();
    let mirrors = format!(
        "workbench:\n  mirrors: {{ pip: {MIRROR}/pypi-all/simple, python: {MIRROR}/python/downloads.json }}\n"
    );
    let overlay = [
        ("t4g.medium", "t3.medium"),
        ("3.12.4", &version),
        ("workbench:\n", &mirrors),
    ];
    let rehearsal = walk("examples/dedicated-network.yaml", &overlay);
    mirror::start(&server(&rehearsal));
    let kernels = format!("in python3, python-system, python-{version}");
    applies(&rehearsal).says(&["notebook of ada", &kernels]);
}

/// The version of the second Python in the image of the servers.
fn second_python() -> String {
    let image = rehearsal::image();
    let list = "print(*__import__('json').load(open('/var/cache/test-python/downloads.json')))";
    let mut look = Command::new("docker");
    look.args(["run", "--rm", "--entrypoint", "python3", image, "-c", list]);
    done(&mut look).split('-').nth(1).unwrap().to_owned()
}

/// The base of the API's image is put where Docker Hub's would be.
#[test]
fn two_regions_is_walked() {
    let rehearsal = walk_on(&with_hub(), "examples/two-regions.yaml", &[]);
    server(&rehearsal).sh(&format!(
        "export DEBIAN_FRONTEND=noninteractive
         apt-get install -qq -y --no-install-recommends docker.io python3-venv >/dev/null
         for try in $(seq 100); do docker version >/dev/null 2>&1 && break; sleep 0.1; done
         {IMPORT_BASE} && docker tag base-of-the-test python:3.12-slim"
    ));
    applies(&rehearsal).says(&[
        "✓ model API /ping and /predict",
        "✓ access to the bucket of test-user",
        "✓ notebook of test-user 6 * 7 = 42 in python3, ir",
        "Shiny app",
    ]);
}

/// What `labctl init` writes for somebody with a domain, without an edit; `scripts/quickstart` walks the other one.
#[test]
fn first_plan_with_a_domain_is_walked() {
    let rehearsal = Rehearsal::on("", &with_hub());
    fs::remove_file(rehearsal.lab.folder.join("lab.yaml")).unwrap();
    let init = ["init", "--domain", "do4ds-lab.shop"];
    rehearsal.labctl(&init).ok();
    let ran = applies(&rehearsal);
    ran.says(&["start page   https://do4ds-lab.shop/", "--cacert"]);
}

/// With a domain of which no zone is in the plan, and without one; by the server's own certificate, and by none.
#[test]
fn pages_without_an_authority_are_walked() {
    const DOMAIN: &str = "  domain: lab.example.org\n";
    let rehearsal = Rehearsal::new(SMALL);
    applies(&rehearsal).says(&["https://lab.example.org/"]);
    rehearsal.lab.edit("mode: self-signed", "mode: \"off\"");
    applies(&rehearsal).says(&["http://lab.example.org/"]);
    rehearsal.lab.edit(DOMAIN, "");
    applies(&rehearsal).says(&["http://127."]);
    rehearsal.lab.edit("mode: \"off\"", "mode: self-signed");
    applies(&rehearsal).says(&["https://127."]);
}
