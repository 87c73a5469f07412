use aws_sdk_ec2::operation::create_tags::CreateTagsInput;
use aws_sdk_ec2::operation::delete_tags::DeleteTagsInput;
use aws_sdk_resourcegroupstagging::operation::get_resources::GetResourcesInput;
use aws_sdk_resourcegroupstagging::types::TagFilter;
use aws_sdk_route53::operation::change_tags_for_resource::ChangeTagsForResourceInput;
use aws_sdk_route53::operation::create_hosted_zone::CreateHostedZoneInput;
use aws_sdk_route53::types::TagResourceType;
use aws_sdk_sts::operation::get_caller_identity::GetCallerIdentityInput;

use super::*;

async fn tagged(memory: &Memory) -> Vec<String> {
    let filter = TagFilter::builder().key("labctl:lab").values("lab").build();
    let input = GetResourcesInput::builder().tag_filters(filter);
    let answer = memory.get_resources(input).await.unwrap();
    let arns = answer.resource_tag_mapping_list().iter();
    arns.map(|mapping| mapping.resource_arn().unwrap().to_owned())
        .collect()
}

#[tokio::test(start_paused = true)]
async fn tags_of_the_call_are_on_what_it_makes() {
    let memory = memory();
    let instance = tags_on(ResourceType::Instance, "labctl:lab", "lab");
    let volume = tags_on(ResourceType::Volume, "labctl:lab", "lab");
    let input = to_run(&memory, "t3.micro")
        .await
        .tag_specifications(instance);
    memory
        .run_instances(input.tag_specifications(volume))
        .await
        .unwrap();
    let snapshot = memory.snapshot();
    assert_eq!(snapshot.tagged("labctl:lab", "lab").len(), 2);
    assert!(snapshot.of("network-interface")[0].tags.is_empty());
}

#[tokio::test(start_paused = true)]
async fn tags_are_added_removed_and_limited() {
    let memory = memory();
    let id = launched(&memory, "t3.micro").await;
    let tag = |key: String| Tag::builder().key(key).value("v").build();
    let add = CreateTagsInput::builder().resources(&id);
    let fifty = (0..50).map(|number| tag(format!("k{number}"))).collect();
    memory
        .create_tags(add.clone().set_tags(Some(fifty)))
        .await
        .unwrap();
    let one_more = memory.create_tags(add.tags(tag("more".to_owned()))).await;
    assert_eq!(code(one_more), "TagLimitExceeded");
    let other = Tag::builder().key("k1").value("other").build();
    let remove = DeleteTagsInput::builder().resources(&id).tags(other);
    let remove = remove.tags(Tag::builder().key("k0").build());
    memory.delete_tags(remove).await.unwrap();
    assert_eq!(memory.snapshot().get(&id).unwrap().tags.len(), 49);
    let unknown = CreateTagsInput::builder()
        .resources("i-0")
        .tags(tag("k".to_owned()));
    assert_eq!(
        code(memory.create_tags(unknown).await),
        "InvalidInstanceID.NotFound"
    );
}

#[tokio::test(start_paused = true)]
async fn the_index_lags_and_knows_zones_in_one_region_only() {
    let memory = lagging();
    let input = CreateHostedZoneInput::builder()
        .name("lab.shop")
        .caller_reference("one");
    let id = memory
        .create_hosted_zone(input)
        .await
        .unwrap()
        .hosted_zone
        .unwrap()
        .id;
    pass(10).await;
    let tag = aws_sdk_route53::types::Tag::builder()
        .key("labctl:lab")
        .value("lab")
        .build();
    let input = ChangeTagsForResourceInput::builder().resource_type(TagResourceType::Hostedzone);
    let input = input
        .resource_id(id.trim_start_matches("/hostedzone/"))
        .add_tags(tag);
    memory.change_tags_for_resource(input).await.unwrap();
    assert!(tagged(&memory).await.is_empty());
    pass(10).await;
    let arn = format!("arn:aws:route53:::{}", id.trim_start_matches('/'));
    assert_eq!(tagged(&memory).await, [arn]);
    assert!(tagged(&memory.in_region("eu-west-1")).await.is_empty());
}

#[tokio::test(start_paused = true)]
async fn the_index_comes_in_pages_and_still_knows_what_has_just_gone() {
    let memory = lagging();
    let tags = tags_on(ResourceType::Instance, "labctl:lab", "lab");
    for _ in 0..3 {
        let input = to_run(&memory, "t3.micro")
            .await
            .tag_specifications(tags.clone());
        memory.run_instances(input).await.unwrap();
    }
    pass(10).await;
    let input = GetResourcesInput::builder().resources_per_page(2);
    let first = memory.get_resources(input.clone()).await.unwrap();
    assert_eq!(first.resource_tag_mapping_list().len(), 2);
    let second = memory
        .get_resources(input.set_pagination_token(first.pagination_token))
        .await;
    assert_eq!(second.unwrap().pagination_token(), Some(""));
    for item in memory.snapshot().of("instance") {
        memory.terminate_behind_our_back(&item.id);
    }
    pass(3600).await;
    assert_eq!(tagged(&memory).await.len(), 3);
    pass(10).await;
    assert!(tagged(&memory).await.is_empty());
}

#[tokio::test(start_paused = true)]
async fn two_worlds_with_the_same_calls_are_equal() {
    let (one, other) = (memory(), memory());
    for memory in [&one, &other] {
        launched(memory, "t3.micro").await;
        imported(memory, "lab", KEY).await.unwrap();
    }
    assert_eq!(one.snapshot(), other.snapshot());
    let identity = one
        .get_caller_identity(GetCallerIdentityInput::builder())
        .await
        .unwrap();
    assert_eq!(identity.account(), Some("123456789012"));
}
