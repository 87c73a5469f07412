//! The permissions boundary of the lab's roles: on every one of them, as the plan says, from the first moment on.

use aws_sdk_iam::operation::delete_role_permissions_boundary::DeleteRolePermissionsBoundaryInput;
use labctl::cloud::api::Cloud;

use super::disturbances::Recorder;
use super::harness::{Lab, WHOLE, sole_error};
use crate::memory_cloud::Memory;

const BOUNDARY: &str = "arn:aws:iam::123456789012:policy/boundary";
const NARROW: &str = "arn:aws:iam::123456789012:policy/narrow/boundary";

fn bounded() -> String {
    WHOLE.replace(
        "network: dedicated",
        &format!("network: dedicated\npermissions_boundary: {BOUNDARY}"),
    )
}

fn boundaries(memory: &Memory) -> Vec<String> {
    let snapshot = memory.snapshot();
    let roles = snapshot.of("role").into_iter();
    roles
        .map(|role| role.attributes["boundary"].clone())
        .collect()
}

#[tokio::test(start_paused = true)]
async fn every_role_is_created_within_the_boundary() {
    let lab = Lab::new(&bounded());
    let recorder = Recorder::new();
    let outcome = lab
        .apply_through(&recorder.around(&lab.memory))
        .await
        .unwrap();
    assert!(outcome.failed.is_empty(), "{:?}", outcome.failed);
    assert_eq!(boundaries(&lab.memory), [BOUNDARY, BOUNDARY]);
    // There is no moment at which a role is without it.
    let calls = recorder.operations();
    assert!(!calls.contains(&"PutRolePermissionsBoundary"), "{calls:?}");
    lab.check_exactly_the_lab();
    lab.check_nothing_to_do().await;
}

#[tokio::test(start_paused = true)]
async fn the_boundary_comes_changes_and_goes_with_the_plan() {
    let mut lab = Lab::new(WHOLE);
    lab.apply().await;
    assert_eq!(boundaries(&lab.memory), ["", ""]);
    let text = lab.text.clone();
    let changed = [
        "update role [permissions_boundary]",
        "update github_role [permissions_boundary]",
    ];
    let narrow = bounded().replace(BOUNDARY, NARROW);
    for (text, expected) in [(bounded(), BOUNDARY), (narrow, NARROW), (text, "")] {
        lab.text = text;
        assert_eq!(lab.actions().await, changed);
        lab.apply().await;
        assert_eq!(boundaries(&lab.memory), [expected, expected]);
        lab.check_exactly_the_lab();
        lab.check_nothing_to_do().await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_boundary_that_somebody_took_off_comes_back() {
    let lab = Lab::new(&bounded());
    lab.apply().await;
    let input = DeleteRolePermissionsBoundaryInput::builder().role_name("penguins-us-east-1");
    let taken_off = lab.memory.delete_role_permissions_boundary(input).await;
    taken_off.unwrap();
    assert_eq!(lab.actions().await, ["update role [permissions_boundary]"]);
    lab.apply().await;
    assert_eq!(boundaries(&lab.memory), [BOUNDARY, BOUNDARY]);
}

/// Who may change only roles within the boundary can change nothing else before it is on.
#[tokio::test(start_paused = true)]
async fn the_boundary_is_put_on_before_rights_change() {
    let mut lab = Lab::new(WHOLE);
    lab.apply().await;
    lab.text = bounded().replace("instance_access: read-write", "instance_access: read");
    let recorder = Recorder::new();
    lab.apply_through(&recorder.around(&lab.memory))
        .await
        .unwrap();
    let calls = recorder.operations();
    let place = |name: &str| calls.iter().position(|call| *call == name).unwrap();
    assert!(place("PutRolePermissionsBoundary") < place("PutRolePolicy"));
}

#[tokio::test(start_paused = true)]
async fn another_accounts_boundary_is_refused_before_the_first_write() {
    let lab = Lab::new(&bounded().replace("123456789012", "999999999999"));
    let planned = lab.plan().await;
    let refusals: Vec<_> = planned.set.refusals.iter().collect();
    assert_eq!(refusals.len(), 1, "{refusals:?}");
    assert_eq!(refusals[0].path, "permissions_boundary");
    assert_eq!(
        refusals[0].summary,
        "the policy is the account 999999999999's, and the lab is in the account 123456789012"
    );
}

#[tokio::test(start_paused = true)]
async fn a_boundary_that_is_not_there_is_told() {
    let missing = BOUNDARY.replace("boundary", "bound");
    let lab = Lab::new(&bounded().replace(BOUNDARY, &missing));
    let outcome = lab.try_apply().await;
    let told: Vec<_> = outcome
        .failed
        .iter()
        .map(|(_, error)| error.to_string())
        .collect();
    assert!(!told.is_empty());
    for error in told {
        assert_eq!(
            error,
            format!("the permissions boundary `{missing}` is not there")
        );
    }
    assert!(boundaries(&lab.memory).is_empty());
    let mut lab = Lab::new(WHOLE);
    lab.apply().await;
    lab.remove_section("github_actions");
    lab.apply().await;
    lab.edit(
        "region: us-east-1",
        &format!("region: us-east-1\npermissions_boundary: {missing}"),
    );
    let error = sole_error(&lab.try_apply().await);
    assert!(
        error.starts_with(&format!(
            "the permissions boundary `{missing}` is not there; "
        )),
        "{error}"
    );
}
