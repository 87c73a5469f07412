//! Plan files from outside: the messages for bad ones, the ready ones, the schema, and arbitrary texts.

use std::fs;
use std::path::{Path, PathBuf};

use labctl::plan::{self, FindError, InitAnswers, LoadError, Parsed, Problem, Problems, Severity};
use proptest::prelude::*;

use crate::support::Lab;

/// A plan in which every section is used.
const FULL: &str = include_str!("../../plans/do4ds-lab.yaml");

fn files(folder: &str) -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join(folder);
    let mut files: Vec<PathBuf> = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    files.retain(|file| {
        file.extension()
            .is_some_and(|extension| extension == "yaml")
    });
    files.sort();
    files
}

fn name(file: &Path) -> String {
    file.file_name().unwrap().to_string_lossy().into_owned()
}

fn ready_plans() -> impl Iterator<Item = (String, String)> {
    let files = files("plans").into_iter().chain(files("examples"));
    files.map(|file| (name(&file), fs::read_to_string(&file).unwrap()))
}

fn refused(name: &str, text: &str) -> Problems {
    plan::parse(name, text).expect_err(name)
}

fn accepted(name: &str, text: &str) -> Parsed {
    plan::parse(name, text).unwrap_or_else(|problems| panic!("{}", draw(&problems)))
}

fn draw(problems: &Problems) -> String {
    plan::render(&problems.problems, &problems.source, false)
}

#[test]
fn bad_plans_are_explained() {
    for file in files("tests/it/plans_bad") {
        let problems = refused(&name(&file), &fs::read_to_string(&file).unwrap());
        insta::assert_snapshot!(
            format!("bad_{}", name(&file)),
            format!("{problems}\n\n{}", draw(&problems))
        );
    }
}

#[test]
fn every_error_says_what_to_do() {
    for file in files("tests/it/plans_bad") {
        for problem in refused(&name(&file), &fs::read_to_string(&file).unwrap()).problems {
            assert!(
                problem.help.is_some_and(|help| !help.is_empty()),
                "{}: {}",
                name(&file),
                problem.summary
            );
            assert!(!problem.summary.ends_with('.') && !problem.label.is_empty());
        }
    }
}

#[test]
fn places_are_drawn_as_editors_count() {
    let text = "lab: do4ds-lab\nregion: us-east-1\nbücher: { ä: 1 }\ntags: { ö: [x] }\n";
    let problems = refused("lab.yaml", text);
    let drawn = draw(&problems);
    for Problem { span, .. } in &problems.problems {
        assert!(
            drawn.contains(&format!("lab.yaml:{}:{}", span.line, span.column)),
            "{span:?}\n{drawn}"
        );
    }
    let tag = problems
        .problems
        .iter()
        .find(|problem| problem.path == "tags.ö")
        .unwrap();
    assert_eq!((tag.span.line, tag.span.column), (4, 9));
    assert_eq!(&text[tag.span.offset..][..tag.span.length], "ö");
}

#[test]
fn ready_plans_parse_and_read_back() {
    for (name, text) in ready_plans() {
        let parsed = accepted(&name, &text);
        // What the types write reads back as the same plan.
        let again = serde_json::to_value(&parsed.plan).unwrap();
        assert_eq!(
            serde_json::from_value::<plan::Plan>(again).unwrap(),
            parsed.plan,
            "{name}"
        );
    }
}

#[test]
fn the_schema_is_as_agreed() {
    insta::assert_snapshot!(format!("{:#}", plan::schema()));
}

#[test]
fn warnings_do_not_stop_a_plan() {
    let sum = "0".repeat(64);
    let rstudio = format!(
        "  rstudio: {{}}\n  mirrors: {{ rstudio: {{ url: https://mirror.example/r.deb, sha256: \"{sum}\" }} }}\n"
    );
    let parsed = accepted("lab.yaml", &format!("{FULL}{rstudio}"));
    assert!(
        parsed
            .warnings
            .iter()
            .all(|problem| problem.severity == Severity::Warning)
    );
    insta::assert_snapshot!(plan::render(&parsed.warnings, &parsed.source, false));
}

fn answers(domain: Option<&str>) -> InitAnswers {
    InitAnswers {
        lab: "do4ds-lab".parse().unwrap(),
        region: "us-east-1".parse().unwrap(),
        key_pair: "~/my \"keys\"/id_ed25519.pub".parse().unwrap(),
        bucket: "do4ds-lab-abcdefgh".parse().unwrap(),
        domain: domain.map(|domain| domain.parse().unwrap()),
        email: None,
    }
}

#[test]
fn a_first_plan_is_a_plan() {
    for domain in [None, Some("do4ds-lab.shop")] {
        let text = plan::init_text(&answers(domain)).unwrap();
        let parsed = accepted("lab.yaml", &text);
        assert_eq!(
            parsed.plan.instance.key_pair.as_str(),
            "~/my \"keys\"/id_ed25519.pub"
        );
        insta::assert_snapshot!(format!("init_{}", domain.unwrap_or("without_domain")), text);
    }
}

/// Collects the keys of every section of the schema.
fn keys(schema: &serde_json::Value, found: &mut Vec<String>) {
    if let Some(object) = schema.as_object() {
        for (keyword, value) in object {
            if keyword == "properties" {
                found.extend(value.as_object().unwrap().keys().cloned());
            }
            keys(value, found);
        }
    } else if let Some(items) = schema.as_array() {
        items.iter().for_each(|item| keys(item, found));
    }
}

#[test]
fn a_first_plan_shows_every_key() {
    let mut all = Vec::new();
    keys(&plan::schema(), &mut all);
    let text = plan::init_text(&answers(Some("do4ds-lab.shop"))).unwrap();
    for key in all {
        let shown = text.contains(&format!("{key}:"))
            || text.contains(&format!("`{key}`"))
            || text.contains(&format!("{key},"));
        assert!(shown, "`{key}` is not in the first plan");
    }
}

#[test]
fn a_plan_is_found_where_it_is_expected() {
    let lab = Lab::offline();
    let here = lab.folder.as_path();
    assert!(matches!(
        plan::find(None, None, here),
        Err(FindError::None { .. })
    ));
    fs::create_dir(here.join("plans")).unwrap();
    fs::write(here.join("plans/one.yml"), "").unwrap();
    assert_eq!(
        plan::find(None, None, here).unwrap(),
        here.join("plans/one.yml")
    );
    fs::write(here.join("plans/two.yaml"), "").unwrap();
    let error = plan::find(None, None, here).unwrap_err().to_string();
    assert!(
        error.contains("one.yml") && error.contains("two.yaml") && error.contains("labctl init"),
        "{error}"
    );
    fs::write(here.join("lab.yaml"), "").unwrap();
    assert_eq!(plan::find(None, None, here).unwrap(), here.join("lab.yaml"));
    assert_eq!(
        plan::find(None, Some(Path::new("environment.yaml")), here).unwrap(),
        here.join("environment.yaml")
    );
    let explicit = Path::new("named.yaml");
    assert_eq!(
        plan::find(Some(explicit), Some(Path::new("environment.yaml")), here).unwrap(),
        here.join("named.yaml")
    );
}

#[test]
fn files_that_are_no_text_are_refused() {
    let lab = Lab::offline();
    let file = lab.folder.join("lab.yaml");
    assert!(matches!(plan::load(&file), Err(LoadError::Io { .. })));
    fs::write(&file, b"lab: a\nregion: \xff\n").unwrap();
    let Err(LoadError::Problems(problems)) = plan::load(&file) else {
        panic!("accepted")
    };
    assert_eq!(
        (
            problems.problems[0].span.line,
            problems.problems[0].span.column
        ),
        (2, 9)
    );
    fs::write(&file, " ".repeat(2 << 20)).unwrap();
    let Err(LoadError::Problems(problems)) = plan::load(&file) else {
        panic!("accepted")
    };
    assert!(problems.problems[0].summary.contains("1 MiB"));
}

const ED25519: &str =
    "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJhrMXX3HLBhAAbqbZBYxgBNpQsJ+2GBbOPAJ9LVJZfl me@laptop\n";

#[test]
fn keys_are_read_beside_the_plan_and_at_home() {
    let lab = Lab::offline();
    let file = lab.folder.join("lab.yaml");
    let text = "lab: a\nregion: us-east-1\ninstance: { image: ubuntu-24.04, instance_type: t3.micro, key_pair: ~/.ssh/id.pub }\n\
        security_group: { ingress: [{ port: 22, from: [my-ip] }, { port: 443, from: [my-ip] }] }\n\
        workbench: { users: [{ name: ada, authorized_keys: [team.pub, secret] }, { name: grace }] }\n";
    fs::write(&file, text).unwrap();
    let home = lab.folder.join("home");
    let parsed = plan::load(&file).unwrap();

    fs::write(
        lab.folder.join("secret"),
        "-----BEGIN OPENSSH PRIVATE KEY-----\nAAAA\n-----END OPENSSH PRIVATE KEY-----\n",
    )
    .unwrap();
    let problems = plan::read_keys(&parsed, Some(&home)).unwrap_err();
    let paths: Vec<&str> = problems
        .iter()
        .map(|problem| problem.path.as_str())
        .collect();
    assert_eq!(
        paths,
        [
            "instance.key_pair",
            "workbench.users[0].authorized_keys[0]",
            "workbench.users[0].authorized_keys[1]"
        ]
    );
    assert!(
        problems[2].label.contains("private key")
            && problems[2].help.as_ref().unwrap().contains(".pub")
    );
    assert!(
        plan::read_keys(&parsed, None).unwrap_err()[0]
            .summary
            .contains("home folder")
    );

    fs::write(home.join(".ssh/id.pub"), ED25519).unwrap();
    fs::write(
        lab.folder.join("team.pub"),
        format!("# the team\n{ED25519}\n{ED25519}"),
    )
    .unwrap();
    fs::write(lab.folder.join("secret"), ED25519).unwrap();
    let keys = plan::read_keys(&parsed, Some(&home)).unwrap();
    assert_eq!(keys.key_pair.to_string(), ED25519.trim());
    assert_eq!(keys.authorized_keys["ada"].len(), 3);
    assert!(keys.authorized_keys["grace"].is_empty());
}

/// Checks what must hold for any text at all.
fn survives(text: &str) {
    match plan::parse("any.yaml", text) {
        Ok(parsed) => check_places(&parsed.warnings, &parsed.source.text),
        Err(problems) => {
            assert!(
                problems
                    .problems
                    .iter()
                    .any(|problem| problem.severity == Severity::Error)
            );
            check_places(&problems.problems, &problems.source.text);
            let drawn = draw(&problems);
            assert!(
                problems
                    .problems
                    .iter()
                    .all(|problem| !problem.summary.contains("defect")),
                "{drawn}"
            );
        }
    }
}

fn check_places(problems: &[Problem], text: &str) {
    for Problem { span, .. } in problems {
        assert!(
            text.get(span.offset..span.offset + span.length)
                .is_some_and(|part| !part.contains('\n')),
            "{span:?}"
        );
        assert!(span.line >= 1 && span.column >= 1);
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_text_is_survived(text in "(?s).{0,200}") {
        survives(&text);
    }

    #[test]
    fn any_yaml_like_text_is_survived(text in "([a-z_]{1,6}: |- |[\\[\\]{},&*!|>'\"#~]|[a-z0-9]{1,4}|\n {0,6}|\t|\r\n|---\n){0,60}") {
        survives(&text);
    }

    #[test]
    fn any_change_of_a_plan_is_survived(place in 0..FULL.len(), length in 0..40_usize, text in "[ -~\n\tä:{}\\[\\],]{0,12}") {
        let start = (0..=place).rev().find(|place| FULL.is_char_boundary(*place)).unwrap();
        let end = (start + length..=FULL.len()).find(|place| FULL.is_char_boundary(*place)).unwrap_or(FULL.len());
        survives(&format!("{}{text}{}", &FULL[..start], &FULL[end..]));
    }

    #[test]
    fn any_line_may_be_missing(line in 0..FULL.lines().count()) {
        let text: Vec<&str> = FULL.lines().enumerate().filter(|(index, _)| *index != line).map(|(_, line)| line).collect();
        survives(&text.join("\n"));
    }
}
