use aws_sdk_ec2::operation::allocate_address::AllocateAddressInput;
use aws_sdk_ec2::operation::associate_address::AssociateAddressInput;
use aws_sdk_ec2::operation::describe_addresses::DescribeAddressesInput;
use aws_sdk_ec2::operation::disassociate_address::DisassociateAddressInput;
use aws_sdk_ec2::operation::release_address::ReleaseAddressInput;

use super::*;

async fn allocated(memory: &Memory) -> String {
    let answer = memory
        .allocate_address(AllocateAddressInput::builder())
        .await;
    answer.unwrap().allocation_id.unwrap()
}

fn to_associate(
    address: &str,
    instance: &str,
) -> aws_sdk_ec2::operation::associate_address::builders::AssociateAddressInputBuilder {
    AssociateAddressInput::builder()
        .allocation_id(address)
        .instance_id(instance)
}

#[tokio::test(start_paused = true)]
async fn an_address_leads_to_a_running_instance_and_comes_off_when_it_dies() {
    let memory = slow();
    let id = launched(&memory, "t3.micro").await;
    let address = allocated(&memory).await;
    let input = to_associate(&address, &id);
    assert_eq!(
        code(memory.associate_address(input.clone()).await),
        "InvalidInstanceID"
    );
    pass(60).await;
    let association = memory
        .associate_address(input.clone())
        .await
        .unwrap()
        .association_id;
    let listed = memory
        .describe_addresses(DescribeAddressesInput::builder())
        .await
        .unwrap();
    let listed = &listed.addresses()[0];
    assert_eq!(listed.instance_id(), Some(id.as_str()));
    assert_eq!(listed.association_id, association);
    assert_eq!(
        instance(&memory, &id).await.public_ip_address,
        listed.public_ip
    );
    let again = memory
        .associate_address(input.allow_reassociation(false))
        .await;
    assert_eq!(code(again), "Resource.AlreadyAssociated");
    let release = ReleaseAddressInput::builder().allocation_id(&address);
    assert_eq!(
        code(memory.release_address(release.clone()).await),
        "InvalidIPAddress.InUse"
    );
    memory.terminate_behind_our_back(&id);
    pass(60).await;
    memory.release_address(release.clone()).await.unwrap();
    assert_eq!(
        code(memory.release_address(release).await),
        "InvalidAllocationID.NotFound"
    );
    let input = DisassociateAddressInput::builder().association_id(association.unwrap());
    assert_eq!(
        code(memory.disassociate_address(input).await),
        "InvalidAssociationID.NotFound"
    );
}

#[tokio::test(start_paused = true)]
async fn addresses_are_limited_by_region() {
    let memory = memory();
    for _ in 0..5 {
        allocated(&memory).await;
    }
    let one_more = memory
        .allocate_address(AllocateAddressInput::builder())
        .await;
    assert_eq!(code(one_more), "AddressLimitExceeded");
    allocated(&memory.in_region("us-west-2")).await;
}

#[tokio::test(start_paused = true)]
async fn without_an_address_of_its_own_an_instance_gets_another() {
    let memory = memory();
    let id = launched(&memory, "t3.micro").await;
    let own = instance(&memory, &id).await.public_ip_address.unwrap();
    let address = allocated(&memory).await;
    let input = to_associate(&address, &id);
    let association = memory
        .associate_address(input)
        .await
        .unwrap()
        .association_id
        .unwrap();
    assert_ne!(instance(&memory, &id).await.public_ip_address.unwrap(), own);
    let input = DisassociateAddressInput::builder().association_id(association);
    memory.disassociate_address(input).await.unwrap();
    assert!(instance(&memory, &id).await.public_ip_address.is_some());
}
