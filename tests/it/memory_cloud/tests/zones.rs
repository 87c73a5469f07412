use aws_sdk_route53::operation::change_resource_record_sets::ChangeResourceRecordSetsInput;
use aws_sdk_route53::operation::create_hosted_zone::CreateHostedZoneInput;
use aws_sdk_route53::operation::delete_hosted_zone::DeleteHostedZoneInput;
use aws_sdk_route53::operation::get_change::GetChangeInput;
use aws_sdk_route53::operation::list_hosted_zones_by_name::ListHostedZonesByNameInput;
use aws_sdk_route53::operation::list_resource_record_sets::ListResourceRecordSetsInput;
use aws_sdk_route53::types::{
    Change, ChangeAction, ChangeBatch, ResourceRecord, ResourceRecordSet, RrType,
};

use super::*;

async fn zone(memory: &Memory, name: &str, reference: &str) -> Result<String, CallError> {
    let input = CreateHostedZoneInput::builder()
        .name(name)
        .caller_reference(reference);
    memory
        .create_hosted_zone(input)
        .await
        .map(|answer| answer.hosted_zone.unwrap().id)
}

fn change(action: ChangeAction, name: &str, kind: RrType, value: &str) -> Change {
    let record = ResourceRecord::builder().value(value).build().unwrap();
    let set = ResourceRecordSet::builder()
        .name(name)
        .r#type(kind)
        .ttl(300);
    let set = set.resource_records(record).build().unwrap();
    Change::builder()
        .action(action)
        .resource_record_set(set)
        .build()
        .unwrap()
}

async fn submit(memory: &Memory, zone: &str, changes: Vec<Change>) -> Result<String, CallError> {
    let batch = ChangeBatch::builder()
        .set_changes(Some(changes))
        .build()
        .unwrap();
    let input = ChangeResourceRecordSetsInput::builder().hosted_zone_id(zone);
    let answer = memory
        .change_resource_record_sets(input.change_batch(batch))
        .await;
    answer.map(|answer| answer.change_info.unwrap().id)
}

async fn names(memory: &Memory, zone: &str) -> Vec<String> {
    let input = ListResourceRecordSetsInput::builder().hosted_zone_id(zone);
    let answer = memory.list_resource_record_sets(input).await.unwrap();
    let spelled = |set: &ResourceRecordSet| format!("{} {}", set.name(), set.r#type());
    answer.resource_record_sets().iter().map(spelled).collect()
}

#[tokio::test(start_paused = true)]
async fn a_reference_is_used_up_for_ever() {
    let memory = memory();
    let id = zone(&memory, "lab.shop", "one").await.unwrap();
    let again = zone(&memory, "lab.shop", "one").await.unwrap_err();
    assert_eq!(
        (again.code(), again.status()),
        ("HostedZoneAlreadyExists", 409)
    );
    zone(&memory, "lab.shop", "two").await.unwrap();
    memory
        .delete_hosted_zone(DeleteHostedZoneInput::builder().id(id))
        .await
        .unwrap();
    assert_eq!(
        code(zone(&memory, "lab.shop", "one").await),
        "HostedZoneAlreadyExists"
    );
    let input = ListHostedZonesByNameInput::builder().dns_name("lab.shop");
    let zones = memory
        .list_hosted_zones_by_name(input)
        .await
        .unwrap()
        .hosted_zones;
    assert_eq!(zones[0].caller_reference(), "two");
}

#[tokio::test(start_paused = true)]
async fn zones_are_listed_by_reversed_name_from_a_name_on() {
    let memory = memory();
    for name in ["b.com", "lab.shop", "a.org", "www.b.com"] {
        zone(&memory, name, name).await.unwrap();
    }
    let input = ListHostedZonesByNameInput::builder()
        .dns_name("b.com")
        .max_items(3);
    let answer = memory.list_hosted_zones_by_name(input).await.unwrap();
    let names: Vec<&str> = answer
        .hosted_zones()
        .iter()
        .map(|zone| zone.name())
        .collect();
    assert_eq!(names, ["b.com.", "www.b.com.", "a.org."]);
    assert_eq!(answer.next_dns_name(), Some("lab.shop."));
}

#[tokio::test(start_paused = true)]
async fn records_are_named_and_sorted_as_route_53_does() {
    let memory = memory();
    let id = zone(&memory, "Lab.Shop", "one").await.unwrap();
    let create = |name| change(ChangeAction::Create, name, RrType::A, "192.0.2.1");
    submit(&memory, &id, vec![create("*.Lab.shop"), create("lab.shop")])
        .await
        .unwrap();
    let expected = [
        "lab.shop. A",
        "lab.shop. NS",
        "lab.shop. SOA",
        "\\052.lab.shop. A",
    ];
    assert_eq!(names(&memory, &id).await, expected);
    let full = memory
        .delete_hosted_zone(DeleteHostedZoneInput::builder().id(&id))
        .await;
    assert_eq!(code(full), "HostedZoneNotEmpty");
}

#[tokio::test(start_paused = true)]
async fn a_batch_is_made_whole_or_not_at_all() {
    let memory = memory();
    let id = zone(&memory, "lab.shop", "one").await.unwrap();
    let good = change(ChangeAction::Create, "lab.shop", RrType::A, "192.0.2.1");
    let refused = async |change: Change| {
        let answer = submit(&memory, &id, vec![good.clone(), change]).await;
        message(answer)
    };
    let create = |name, kind, value| change(ChangeAction::Create, name, kind, value);
    let apex = create("lab.shop", RrType::Cname, "example.com");
    assert!(
        refused(apex)
            .await
            .contains("is not permitted at apex in zone lab.shop.")
    );
    let unquoted = create("t.lab.shop", RrType::Txt, "text");
    assert!(
        refused(unquoted)
            .await
            .contains("should be enclosed in quotation marks")
    );
    let outside = create("www.other.shop", RrType::A, "192.0.2.1");
    assert!(
        refused(outside)
            .await
            .contains("is not permitted in zone lab.shop.")
    );
    let long = create(
        &format!("{}.lab.shop", "a".repeat(64)),
        RrType::A,
        "192.0.2.1",
    );
    assert!(refused(long).await.contains("DomainLabelTooLong"));
    let unknown = change(ChangeAction::Delete, "w.lab.shop", RrType::A, "192.0.2.1");
    assert!(refused(unknown).await.contains("but it was not found"));
    assert!(
        refused(good.clone())
            .await
            .contains("but it already exists")
    );
    assert_eq!(names(&memory, &id).await.len(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_cname_stands_alone_and_can_take_a_place_in_one_batch() {
    let memory = memory();
    let id = zone(&memory, "lab.shop", "one").await.unwrap();
    let old = |action| change(action, "www.lab.shop", RrType::A, "192.0.2.1");
    let new = change(
        ChangeAction::Create,
        "www.lab.shop",
        RrType::Cname,
        "lab.shop",
    );
    submit(&memory, &id, vec![old(ChangeAction::Create)])
        .await
        .unwrap();
    let beside = submit(&memory, &id, vec![new.clone()]).await;
    assert!(message(beside).contains("a conflicting RRSet of type A"));
    let other = change(ChangeAction::Delete, "www.lab.shop", RrType::A, "192.0.2.9");
    let other = submit(&memory, &id, vec![other]).await;
    assert!(message(other).contains("do not match the current values"));
    submit(&memory, &id, vec![old(ChangeAction::Delete), new])
        .await
        .unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_change_is_pending_for_a_while() {
    let memory = slow();
    let id = zone(&memory, "lab.shop", "one").await.unwrap();
    let create = change(ChangeAction::Create, "lab.shop", RrType::A, "192.0.2.1");
    let change = submit(&memory, &id, vec![create]).await.unwrap();
    let status = async || {
        let input = GetChangeInput::builder().id(&change);
        memory
            .get_change(input)
            .await
            .unwrap()
            .change_info
            .unwrap()
            .status
            .to_string()
    };
    assert_eq!(status().await, "PENDING");
    pass(60).await;
    assert_eq!(status().await, "INSYNC");
}

#[tokio::test(start_paused = true)]
async fn records_come_in_pages_of_three_hundred() {
    let memory = memory();
    let id = zone(&memory, "lab.shop", "one").await.unwrap();
    let create = |number: u32| {
        let name = format!("n{number:04}.lab.shop");
        change(ChangeAction::Create, &name, RrType::A, "192.0.2.1")
    };
    submit(&memory, &id, (0..400).map(create).collect())
        .await
        .unwrap();
    let input = ListResourceRecordSetsInput::builder().hosted_zone_id(&id);
    let first = memory
        .list_resource_record_sets(input.clone())
        .await
        .unwrap();
    assert_eq!(
        (first.resource_record_sets().len(), first.is_truncated()),
        (300, true)
    );
    let input = input.set_start_record_name(first.next_record_name);
    let input = input.set_start_record_type(first.next_record_type);
    let second = memory.list_resource_record_sets(input).await.unwrap();
    assert_eq!(
        (second.resource_record_sets().len(), second.is_truncated()),
        (102, false)
    );
}
