//! The role of the server's users: there as long as somebody has `bucket_access`, and never wider than that.

use serde_json::Value;

use super::disturbances::Recorder;
use super::harness::{ALL, Lab, WHOLE};

/// The plan with people: `ada` reads and writes, `bob` reads, and `eve` does neither.
fn with_users() -> String {
    format!(
        "{WHOLE}workbench:
  users:
    - {{ name: ada, bucket_access: true }}
    - {{ name: bob, bucket_access: read }}
    - {{ name: eve }}
  api: {{ image: 'ours/model:1', model: s3://penguins-data/flippers }}
"
    )
}

fn policy(lab: &Lab, name: &str) -> String {
    let snapshot = lab.memory.snapshot();
    let mut roles = snapshot.of("role").into_iter();
    let role = roles.find(|role| role.name == name).unwrap();
    format!(
        "{} {}",
        role.attributes["policies"], role.attributes["trust"]
    )
}

const SERVER: &str = "penguins-us-east-1";
const USERS: &str = "penguins-us-east-1-users";

#[tokio::test(start_paused = true)]
async fn users_get_a_role_that_only_the_server_takes_on() {
    let lab = Lab::new(&with_users());
    lab.apply().await;
    lab.check_exactly_the_lab();
    lab.check_nothing_to_do().await;
    let users = policy(&lab, USERS);
    let arn = format!("arn:aws:iam::123456789012:role/{SERVER}");
    assert!(
        users.contains(&format!("\"Principal\":{{\"AWS\":\"{arn}\"}}")),
        "{users}"
    );
    assert!(users.contains("s3:PutObject"), "{users}");
    for key in ["labctl-models/*", "flippers", "flippers/*"] {
        assert!(
            users.contains(&format!("arn:aws:s3:::penguins-data/{key}")),
            "{users}"
        );
    }
    assert!(users.contains("Deny"), "{users}");
    let server = policy(&lab, SERVER);
    assert!(
        server.contains(&format!("role/{USERS}")) && server.contains("sts:AssumeRole"),
        "{server}"
    );
    lab.destroy(ALL).await;
    lab.check_nothing_left();
}

/// A lab as it was before there was this role: its users went through the server's own.
#[tokio::test(start_paused = true)]
async fn the_role_comes_changes_and_goes_with_the_users() {
    let without = with_users()
        .replace(", bucket_access: true", "")
        .replace(", bucket_access: read", "");
    let mut lab = Lab::new(&without);
    lab.apply().await;
    lab.text = with_users();
    assert_eq!(
        lab.actions().await,
        [
            "update role [policy tags.labctl:users]",
            "create users_role"
        ]
    );
    lab.apply().await;
    lab.check_exactly_the_lab();
    lab.edit("bucket_access: true", "bucket_access: none");
    assert_eq!(lab.actions().await, ["update users_role [policy]"]);
    lab.apply().await;
    assert!(!policy(&lab, USERS).contains("s3:PutObject"));
    lab.text = without;
    assert_eq!(
        lab.actions().await,
        [
            "update role [policy tags.labctl:users]",
            "delete users_role"
        ]
    );
    lab.apply().await;
    lab.check_exactly_the_lab();
    lab.check_nothing_to_do().await;
}

#[tokio::test(start_paused = true)]
async fn users_may_reach_a_bucket_that_the_server_may_not() {
    let text = with_users()
        .replace("instance_access: read-write", "instance_access: none")
        .replace("bucket_access: true", "bucket_access: read-write")
        .replace(
            "  api: { image: 'ours/model:1', model: s3://penguins-data/flippers }\n",
            "",
        );
    let lab = Lab::new(&text);
    lab.apply().await;
    lab.check_exactly_the_lab();
    assert!(
        !policy(&lab, SERVER).contains("s3:"),
        "{}",
        policy(&lab, SERVER)
    );
    assert!(policy(&lab, USERS).contains("s3:PutObject"));
}

/// What a plan does not have costs no call; what it has, two.
#[tokio::test(start_paused = true)]
async fn the_role_costs_two_calls() {
    let mut lab = Lab::new(WHOLE);
    lab.apply().await;
    let count = async |lab: &Lab| {
        let recorder = Recorder::new();
        lab.plan_through(&recorder.around(&lab.memory))
            .await
            .unwrap();
        recorder.operations().len()
    };
    let before = count(&lab).await;
    lab.text = with_users();
    lab.apply().await;
    assert_eq!(count(&lab).await, before + 2);
}

/// A session for one of them is never wider than the role, and the role's denial goes before all else.
#[tokio::test(start_paused = true)]
async fn models_are_denied_whatever_else_is_allowed() {
    let lab = Lab::new(&with_users());
    lab.apply().await;
    let planned = lab.plan().await;
    let live = planned.live.resources.iter();
    let role = live.map(|live| &live.body).find_map(|body| match body {
        labctl::cloud::resources::Body::UsersRole(users) => users.role.policy.clone(),
        _ => None,
    });
    let statements = role.unwrap()["Statement"].clone();
    let denied: Vec<&Value> = statements
        .as_array()
        .unwrap()
        .iter()
        .filter(|one| one["Effect"] == "Deny")
        .collect();
    assert_eq!(denied.len(), 1);
    assert_eq!(denied[0]["Action"], "s3:*");
    assert_eq!(denied[0].get("Condition"), None);
}
