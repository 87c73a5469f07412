//! The folders that a plan names: what is wrong with them is told at their place in the plan, before anything is asked.

use std::os::unix::fs::symlink;

use crate::support::Lab;

const PLAN: &str = "\
lab: folders
region: us-east-1
instance:
  image: ubuntu-24.04
  instance_type: t3.micro
  key_pair: ~/.ssh/id_ed25519.pub
security_group:
  ingress:
    - { port: 22, from: [my-ip] }
    - { port: 443, from: [anywhere] }
    - { port: 80, from: [anywhere] }
workbench:
  shiny: { app: app, language: python }
";

fn lab() -> Lab {
    let lab = Lab::offline();
    lab.write("lab.yaml", PLAN);
    lab
}

#[test]
fn a_folder_that_cannot_be_sent_is_told_at_its_place() {
    let lab = lab();
    let validate = |words: &[&str]| {
        let ran = lab.labctl(&["validate"]).exits(1);
        ran.says(&["lab.yaml:13:17"]).says(words);
    };
    validate(&[
        "the folder `app` cannot be sent: there is no folder",
        "plan file's folder",
    ]);
    lab.write("app/main.py", "");
    validate(&["the folder `app` has no `app.py`"]);
    lab.write("app/app.py", "");
    lab.labctl(&["validate"]).ok();
    symlink("/etc/passwd", lab.folder.join("app/users")).unwrap();
    validate(&["the link `users` leads out of the folder", ".dockerignore"]);
    lab.write("app/.dockerignore", "users\n");
    lab.labctl(&["validate"]).ok();
    lab.edit("language: python", "language: r");
    validate(&["has no `app.R` or `server.R` and `ui.R`"]);
}

#[test]
fn what_looks_like_a_secret_is_told_and_never_printed() {
    let lab = lab();
    lab.write("app/app.py", "");
    lab.write("app/.env", "TOKEN=hidden-word");
    let ran = lab.labctl(&["validate"]).ok();
    let ran = ran.says(&["in `app`, `.env` may hold secrets", ".dockerignore"]);
    assert!(!ran.to_string().contains("hidden-word"), "{ran}");
    lab.write("app/.dockerignore", ".env\n");
    let ran = lab.labctl(&["validate"]).ok();
    assert!(!ran.to_string().contains("may hold"), "{ran}");
}

#[test]
fn render_writes_the_folders_too() {
    let lab = lab();
    lab.write("app/app.py", "print(1)");
    lab.labctl(&["render", "--out", "out"]).ok();
    assert_eq!(lab.read("out/opt/shiny-app/app.py"), "print(1)");
    assert!(
        lab.read("out/etc/systemd/system/shiny-app.service")
            .contains("-m shiny run")
    );
}
