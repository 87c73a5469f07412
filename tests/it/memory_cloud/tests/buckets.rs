use aws_sdk_resourcegroupstagging::operation::get_resources::GetResourcesInput;
use aws_sdk_s3::operation::create_bucket::CreateBucketInput;
use aws_sdk_s3::operation::delete_bucket::DeleteBucketInput;
use aws_sdk_s3::operation::delete_objects::DeleteObjectsInput;
use aws_sdk_s3::operation::get_bucket_encryption::GetBucketEncryptionInput;
use aws_sdk_s3::operation::get_bucket_tagging::GetBucketTaggingInput;
use aws_sdk_s3::operation::get_bucket_versioning::GetBucketVersioningInput;
use aws_sdk_s3::operation::get_public_access_block::GetPublicAccessBlockInput;
use aws_sdk_s3::operation::list_object_versions::ListObjectVersionsInput;
use aws_sdk_s3::operation::put_bucket_encryption::PutBucketEncryptionInput;
use aws_sdk_s3::operation::put_bucket_tagging::PutBucketTaggingInput;
use aws_sdk_s3::operation::put_bucket_versioning::PutBucketVersioningInput;
use aws_sdk_s3::operation::put_public_access_block::PutPublicAccessBlockInput;
use aws_sdk_s3::types::{
    BucketLocationConstraint, BucketVersioningStatus, CreateBucketConfiguration, Delete,
    ObjectIdentifier, Tag, VersioningConfiguration,
};

use super::*;

async fn create(memory: &Memory, name: &str, region: Option<&str>) -> Result<(), CallError> {
    let region = region.map(BucketLocationConstraint::from);
    let tag = Tag::builder()
        .key("labctl:lab")
        .value("lab")
        .build()
        .unwrap();
    let configuration = CreateBucketConfiguration::builder().set_location_constraint(region);
    let input = CreateBucketInput::builder().bucket(name);
    let input = input.create_bucket_configuration(configuration.tags(tag).build());
    memory.create_bucket(input).await.map(drop)
}

async fn delete(memory: &Memory, name: &str) -> Result<(), CallError> {
    memory
        .delete_bucket(DeleteBucketInput::builder().bucket(name))
        .await
        .map(drop)
}

async fn delete_objects(memory: &Memory, objects: Vec<ObjectIdentifier>) -> Result<(), CallError> {
    let delete = Delete::builder()
        .set_objects(Some(objects))
        .build()
        .unwrap();
    let input = DeleteObjectsInput::builder()
        .bucket("our-lab")
        .delete(delete);
    memory.delete_objects(input).await.map(drop)
}

fn object(key: &str, version: Option<&str>) -> ObjectIdentifier {
    let object = ObjectIdentifier::builder().key(key);
    object
        .set_version_id(version.map(str::to_owned))
        .build()
        .unwrap()
}

#[tokio::test(start_paused = true)]
async fn names_belong_to_everybody_and_buckets_to_a_region() {
    let east = memory();
    let west = east.in_region("eu-west-1");
    assert_eq!(
        code(create(&east, "taken-bucket", None).await),
        "BucketAlreadyExists"
    );
    assert_eq!(
        code(create(&east, "Bad_Name", None).await),
        "InvalidBucketName"
    );
    assert_eq!(
        code(create(&west, "our-lab", None).await),
        "IllegalLocationConstraintException"
    );
    create(&east, "our-lab", None).await.unwrap();
    create(&east, "our-lab", None).await.unwrap();
    create(&west, "west-lab", Some("eu-west-1")).await.unwrap();
    let again = create(&west, "west-lab", Some("eu-west-1")).await;
    assert_eq!(code(again), "BucketAlreadyOwnedByYou");
    let get = |name: &str| GetBucketTaggingInput::builder().bucket(name);
    let elsewhere = east.get_bucket_tagging(get("west-lab")).await.unwrap_err();
    assert_eq!(
        (elsewhere.code(), elsewhere.status()),
        ("PermanentRedirect", 301)
    );
    let foreign = east
        .get_bucket_tagging(get("taken-bucket"))
        .await
        .unwrap_err();
    assert_eq!((foreign.code(), foreign.status()), ("AccessDenied", 403));
    let missing = east
        .get_bucket_tagging(get("no-such-lab"))
        .await
        .unwrap_err();
    assert_eq!((missing.code(), missing.status()), ("NoSuchBucket", 404));
    assert_eq!(
        east.get_bucket_tagging(get("our-lab"))
            .await
            .unwrap()
            .tag_set()
            .len(),
        1
    );
}

/// What each operation that takes an expected owner answers.
async fn codes_for(memory: &Memory, owner: &str) -> Vec<String> {
    macro_rules! code_of {
        ($method:ident($Input:ident)) => {{
            let input = $Input::builder()
                .bucket("our-lab")
                .expected_bucket_owner(owner);
            code(memory.$method(input).await)
        }};
    }
    let object = labctl::cloud::api::Object {
        bucket: "our-lab".to_owned(),
        owner: owner.to_owned(),
        key: "model".to_owned(),
        content: std::sync::Arc::default(),
    };
    let delete = Delete::builder()
        .objects(self::object("model", None))
        .build()
        .unwrap();
    let delete = DeleteObjectsInput::builder()
        .bucket("our-lab")
        .delete(delete);
    vec![
        code_of!(get_bucket_tagging(GetBucketTaggingInput)),
        code_of!(get_bucket_versioning(GetBucketVersioningInput)),
        code_of!(get_bucket_encryption(GetBucketEncryptionInput)),
        code_of!(get_public_access_block(GetPublicAccessBlockInput)),
        code_of!(list_object_versions(ListObjectVersionsInput)),
        code_of!(put_bucket_tagging(PutBucketTaggingInput)),
        code_of!(put_bucket_versioning(PutBucketVersioningInput)),
        code_of!(put_bucket_encryption(PutBucketEncryptionInput)),
        code_of!(put_public_access_block(PutPublicAccessBlockInput)),
        code(memory.put_object(object).await),
        code(
            memory
                .delete_objects(delete.expected_bucket_owner(owner))
                .await,
        ),
        code_of!(delete_bucket(DeleteBucketInput)),
    ]
}

#[tokio::test(start_paused = true)]
async fn every_operation_checks_the_owner_it_is_given() {
    let memory = memory();
    create(&memory, "our-lab", None).await.unwrap();
    let before = memory.snapshot();
    assert_eq!(
        codes_for(&memory, "999999999999").await,
        ["AccessDenied"; 12]
    );
    assert_eq!(
        codes_for(&memory, "").await,
        ["InvalidBucketOwnerAWSAccountID"; 12]
    );
    assert_eq!(memory.snapshot(), before);
}

#[tokio::test(start_paused = true)]
async fn bucket_of_another_account_answers_whom_its_policy_lets_in() {
    let memory = memory();
    create(&memory, "our-lab", None).await.unwrap();
    assert!(memory.give_bucket_away("our-lab", "999999999999"));
    let get = || GetBucketTaggingInput::builder().bucket("our-lab");
    memory.get_bucket_tagging(get()).await.unwrap();
    let theirs = get().expected_bucket_owner("999999999999");
    memory.get_bucket_tagging(theirs).await.unwrap();
    let ours = get().expected_bucket_owner("123456789012");
    assert_eq!(code(memory.get_bucket_tagging(ours).await), "AccessDenied");
    assert_eq!(
        code(create(&memory, "our-lab", None).await),
        "BucketAlreadyExists"
    );
    // What is tagged there is another account's.
    let tagged = GetResourcesInput::builder();
    let tagged = memory.get_resources(tagged).await.unwrap();
    assert_eq!(tagged.resource_tag_mapping_list(), []);
}

#[tokio::test(start_paused = true)]
async fn a_deleted_name_is_busy_for_a_while() {
    let memory = slow();
    create(&memory, "our-lab", None).await.unwrap();
    delete(&memory, "our-lab").await.unwrap();
    assert_eq!(
        code(create(&memory, "our-lab", None).await),
        "OperationAborted"
    );
    pass(60).await;
    create(&memory, "our-lab", None).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn new_buckets_are_closed() {
    let memory = memory();
    create(&memory, "our-lab", None).await.unwrap();
    let input = GetPublicAccessBlockInput::builder().bucket("our-lab");
    let block = memory.get_public_access_block(input).await.unwrap();
    let block = block.public_access_block_configuration.unwrap();
    let flags = [
        block.block_public_acls,
        block.ignore_public_acls,
        block.block_public_policy,
        block.restrict_public_buckets,
    ];
    assert_eq!(flags, [Some(true); 4]);
}

#[tokio::test(start_paused = true)]
async fn a_bucket_with_old_versions_is_not_empty() {
    let memory = memory();
    create(&memory, "our-lab", None).await.unwrap();
    let enabled = VersioningConfiguration::builder().status(BucketVersioningStatus::Enabled);
    let input = PutBucketVersioningInput::builder().bucket("our-lab");
    memory
        .put_bucket_versioning(input.versioning_configuration(enabled.build()))
        .await
        .unwrap();
    assert!(memory.add_object("our-lab", "model"));
    assert!(memory.add_object("our-lab", "model"));
    delete_objects(&memory, vec![object("model", None)])
        .await
        .unwrap();
    assert_eq!(code(delete(&memory, "our-lab").await), "BucketNotEmpty");
    let input = ListObjectVersionsInput::builder().bucket("our-lab");
    let listed = memory.list_object_versions(input).await.unwrap();
    assert_eq!(
        (listed.versions().len(), listed.delete_markers().len()),
        (2, 1)
    );
    assert_eq!(listed.delete_markers()[0].is_latest(), Some(true));
    let versions = listed
        .versions()
        .iter()
        .map(|one| object("model", one.version_id()));
    let markers = listed
        .delete_markers()
        .iter()
        .map(|one| object("model", one.version_id()));
    delete_objects(&memory, versions.chain(markers).collect())
        .await
        .unwrap();
    delete(&memory, "our-lab").await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn objects_come_and_go_by_the_thousand() {
    let memory = memory();
    create(&memory, "our-lab", None).await.unwrap();
    for number in 0..1001 {
        memory.add_object("our-lab", &format!("{number:04}"));
    }
    let input = ListObjectVersionsInput::builder().bucket("our-lab");
    let first = memory.list_object_versions(input.clone()).await.unwrap();
    assert_eq!(
        (first.versions().len(), first.is_truncated()),
        (1000, Some(true))
    );
    let input = input.set_key_marker(first.next_key_marker);
    let second =
        memory.list_object_versions(input.set_version_id_marker(first.next_version_id_marker));
    assert_eq!(second.await.unwrap().versions()[0].key(), Some("1000"));
    let all = (0..1001).map(|number| object(&format!("{number:04}"), None));
    assert_eq!(
        code(delete_objects(&memory, all.clone().collect()).await),
        "MalformedXML"
    );
    delete_objects(&memory, all.skip(1).collect())
        .await
        .unwrap();
    assert_eq!(memory.objects("our-lab"), ["0000"]);
}
