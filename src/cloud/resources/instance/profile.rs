//! Which instance profile the server carries.

use aws_sdk_ec2::operation::associate_iam_instance_profile::AssociateIamInstanceProfileInput;
use aws_sdk_ec2::operation::describe_iam_instance_profile_associations::DescribeIamInstanceProfileAssociationsInput;
use aws_sdk_ec2::operation::disassociate_iam_instance_profile::DisassociateIamInstanceProfileInput;
use aws_sdk_ec2::types::IamInstanceProfileSpecification;

use crate::cloud::resource::Reference;
use crate::cloud::resources::context::StepError;
use crate::cloud::resources::ec2_tags;
use crate::cloud::resources::run::{Run, gone_is_fine};

use super::launch::is_not_yet_known;

/// Takes the old profile off and puts the new one on, running or stopped.
pub async fn set(
    instance: &str,
    profile: Option<&Reference>,
    run: &Run<'_>,
) -> Result<(), StepError> {
    let input = DescribeIamInstanceProfileAssociationsInput::builder()
        .filters(ec2_tags::filter("instance-id", [instance]))
        .filters(ec2_tags::filter("state", ["associated", "associating"]));
    let output = run
        .cloud
        .describe_iam_instance_profile_associations(input)
        .await?;
    for association in output.iam_instance_profile_associations() {
        let input = DisassociateIamInstanceProfileInput::builder()
            .set_association_id(association.association_id().map(str::to_owned));
        let result = run.cloud.disassociate_iam_instance_profile(input).await;
        gone_is_fine(result, &["InvalidAssociationID.NotFound"])?;
    }
    let Some(profile) = profile else {
        return Ok(());
    };
    let arn = run.id(profile)?;
    // The old association lingers for a moment as `IncorrectState`, and a server
    // that is just being started takes no other.
    let passing = |error: &crate::cloud::api::CallError| {
        is_not_yet_known(error)
            || matches!(error.code(), "IncorrectState" | "IncorrectInstanceState")
    };
    run.retry_if("the server's role to be known", passing, async || {
        let profile = IamInstanceProfileSpecification::builder().arn(&arn).build();
        let input = AssociateIamInstanceProfileInput::builder()
            .instance_id(instance)
            .iam_instance_profile(profile);
        run.cloud
            .associate_iam_instance_profile(input)
            .await
            .map(drop)
    })
    .await
}
