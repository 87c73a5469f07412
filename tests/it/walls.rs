//! The walls of the design, measured on the source itself.

use std::fs;
use std::path::Path;

use crate::support::files_below;

/// A file of `src`: its path there, and its text without the unit tests.
struct File {
    path: String,
    text: String,
}

fn files() -> Vec<File> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut files = Vec::new();
    for path in files_below("src") {
        let place = path.strip_prefix(&root).unwrap().display().to_string();
        if place.ends_with("/tests.rs") || place.contains("/tests/") {
            continue;
        }
        let text = fs::read_to_string(&path).unwrap();
        let code = text.split("#[cfg(test)]").next().unwrap_or_default();
        files.push(File {
            path: place,
            text: code.to_owned(),
        });
    }
    assert!(files.len() > 100, "where has the source gone?");
    files
}

/// Lists the files that mention `word` outside of `allowed`.
fn trespassers(word: &str, allowed: &[&str]) -> Vec<String> {
    let is_allowed = |path: &str| allowed.iter().any(|prefix| path.starts_with(prefix));
    let files = files().into_iter();
    files
        .filter(|file| file.text.contains(word) && !is_allowed(&file.path))
        .map(|file| file.path)
        .collect()
}

#[track_caller]
fn assert_only_in(word: &str, allowed: &[&str]) {
    let found = trespassers(word, allowed);
    assert!(found.is_empty(), "`{word}` in {found:?}");
    assert!(
        !trespassers(word, &[]).is_empty(),
        "`{word}` is nowhere: the test has lost its object"
    );
}

#[test]
fn only_resources_and_the_edge_know_the_sdk() {
    assert_only_in("aws_sdk_", &["cloud/resources", "cloud/api"]);
}

#[test]
fn only_the_plan_file_module_knows_yaml() {
    assert_only_in("serde_yaml::", &["plan"]);
}

#[test]
fn only_one_file_knows_libssh2() {
    assert_only_in("ssh2::", &["host/ssh.rs"]);
}

#[test]
fn only_the_report_knows_the_terminal() {
    assert_only_in("indicatif::", &["report"]);
    assert_only_in("rpassword::", &["report"]);
    assert_only_in("anstream::", &["report"]);
}

#[test]
fn planning_is_pure() {
    let host = [
        "change",
        "desired",
        "diff",
        "diff/units",
        "diff/users",
        "preflight",
        "request",
        "services",
        "site",
    ];
    let host = host.map(|stage| format!("host/{stage}.rs"));
    let cloud = [
        "diff", "estimate", "graph", "lower", "prices", "resource", "sizes", "verdict",
    ];
    let cloud = cloud.map(|stage| format!("cloud/{stage}.rs"));
    let all = files();
    let pieces = all
        .iter()
        .filter(|file| file.path.starts_with("host/pieces"));
    let stages = cloud.into_iter().chain(host);
    let stages = stages.map(|stage| all.iter().find(|file| file.path == stage).unwrap());
    for file in stages.chain(pieces) {
        let stage = &file.path;
        for word in [
            "async ",
            "std::fs",
            "std::env",
            "Instant",
            "SystemTime",
            "tokio",
        ] {
            assert!(!file.text.contains(word), "`{word}` in {stage}");
        }
    }
}

#[test]
fn planning_is_given_a_cloud_that_cannot_write() {
    for stage in [
        "cloud/planning.rs",
        "cloud/preflight.rs",
        "cloud/resources/reader.rs",
    ] {
        let file = files().into_iter().find(|file| file.path == stage).unwrap();
        assert!(file.text.contains("&dyn Read") || file.text.contains("&'a dyn Read"));
        assert!(!file.text.contains("dyn Cloud"), "{stage}");
    }
}

/// Python has a home of its own, where its own tools look after it.
#[test]
fn python_lies_where_it_is_checked() {
    let python = |folder: &str| {
        let files = files_below(folder).into_iter();
        files.filter(|path| path.extension().is_some_and(|end| end == "py"))
    };
    let strays: Vec<_> = python("src").collect();
    assert!(strays.is_empty(), "{strays:?}");
    assert!(python("python").count() > 50, "where has it gone?");
}

#[test]
fn functions_stay_small() {
    for File { path, text } in files() {
        let lines: Vec<&str> = text.lines().collect();
        let mut start = None;
        for (number, line) in lines.iter().enumerate() {
            let indent = line.len() - line.trim_start().len();
            let is_start = ["fn ", "pub fn ", "async fn ", "pub async fn ", "const fn "]
                .iter()
                .any(|prefix| line.trim_start().starts_with(prefix));
            if is_start && !line.trim_end().ends_with(';') {
                start = Some((number, indent));
            }
            if let Some((from, of)) = start
                && *line == format!("{}}}", " ".repeat(of))
            {
                let length = number - from + 1;
                assert!(
                    length <= 70,
                    "{path}:{}: a function of {length} lines",
                    from + 1
                );
                start = None;
            }
        }
    }
}

/// The Rust of the tests, as one text.
fn tests_in_rust() -> String {
    let files = files_below("tests/it").into_iter();
    let rust = files.filter(|path| path.extension().is_some_and(|end| end == "rs"));
    rust.map(|path| fs::read_to_string(path).unwrap()).collect()
}

#[test]
fn every_file_of_tests_in_python_is_run() {
    let rust = tests_in_rust();
    let mut count = 0;
    for path in files_below("tests") {
        let name = path.file_name().unwrap().to_str().unwrap().to_owned();
        if name.starts_with("test_") && name.ends_with(".py") {
            count += 1;
            assert!(rust.contains(&format!("/{name}\"")), "nobody runs {name}");
        }
    }
    assert!(count >= 10, "where have they gone?");
}

#[test]
fn every_test_of_the_security_page_is_there() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let page = fs::read_to_string(root.join("docs/security.md")).unwrap();
    let source = files_below("src").into_iter();
    let source: String = source
        .map(|path| fs::read_to_string(path).unwrap())
        .collect();
    let tests = tests_in_rust() + &source;
    let mut named = 0;
    for row in page.lines().filter(|line| line.starts_with("| ")) {
        let last = row.trim_end_matches(" |").rsplit(" | ").next().unwrap();
        for name in last.split('`').skip(1).step_by(2) {
            let name = name.rsplit("::").next().unwrap();
            let forms = [
                format!("fn {name}()"),
                format!("mod {name};"),
                format!("    {name} = \""),
            ];
            assert!(forms.iter().any(|form| tests.contains(form)), "{name}");
            named += 1;
        }
    }
    assert!(named > 30, "where has the table gone? {named}");
}

#[test]
fn every_reason_for_a_slow_test_names_a_test() {
    let rust = tests_in_rust();
    let list = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/slow.txt");
    for line in fs::read_to_string(list).unwrap().lines() {
        let (name, reason) = line.split_once(": ").unwrap();
        let name = name.rsplit("::").next().unwrap();
        let is_test = [format!("fn {name}()"), format!("    {name} = \"")];
        assert!(is_test.iter().any(|text| rust.contains(text)), "{line}");
        assert!(!reason.is_empty(), "{line}");
    }
}
