//! Instance profiles on instances.
//!
//! Sources: EC2 API Reference, "AssociateIamInstanceProfile" and
//! "DisassociateIamInstanceProfile"; IAM User Guide, "Troubleshoot IAM":
//! changes are not always immediately visible.

use aws_sdk_ec2::operation::{
    associate_iam_instance_profile::{
        AssociateIamInstanceProfileInput, AssociateIamInstanceProfileOutput,
    },
    describe_iam_instance_profile_associations::{
        DescribeIamInstanceProfileAssociationsInput, DescribeIamInstanceProfileAssociationsOutput,
    },
    disassociate_iam_instance_profile::{
        DisassociateIamInstanceProfileInput, DisassociateIamInstanceProfileOutput,
    },
};
use aws_sdk_ec2::types::{
    IamInstanceProfile, IamInstanceProfileAssociation, IamInstanceProfileAssociationState,
    IamInstanceProfileSpecification,
};

use super::super::filters::{Filters, limit, page, values};
use super::super::refusal::{Answer, invalid_value, missing, refuse, require};
use super::super::register::{Kind, Resource, Tags};
use super::super::world::World;
use super::{State, unknown_association};

/// An instance profile on an instance.
pub struct ProfileAssociation {
    pub instance: String,
    pub profile: IamInstanceProfile,
}

impl Resource for ProfileAssociation {
    const KIND: Kind = Kind::PROFILE_ASSOCIATION;
}

const FILTERS: Filters<IamInstanceProfileAssociation> = Filters {
    fields: &[
        ("instance-id", |one| values(one.instance_id())),
        ("state", |one| values(one.state())),
    ],
    tags: |_| &[],
};

impl World {
    pub fn describe_iam_instance_profile_associations(
        &self,
        input: &DescribeIamInstanceProfileAssociationsInput,
    ) -> Answer<DescribeIamInstanceProfileAssociationsOutput> {
        let rows = self
            .register
            .named(&self.profile_associations, input.association_ids())?;
        let view =
            |(id, row)| self.association(id, row, IamInstanceProfileAssociationState::Associated);
        let rows = FILTERS.select(rows.into_iter().map(view).collect(), input.filters())?;
        let (rows, next) = page(rows, limit(input.max_results())?, input.next_token())?;
        let answer = DescribeIamInstanceProfileAssociationsOutput::builder();
        Ok(answer
            .set_iam_instance_profile_associations(Some(rows))
            .set_next_token(next)
            .build())
    }

    fn association(
        &self,
        id: &str,
        row: &ProfileAssociation,
        state: IamInstanceProfileAssociationState,
    ) -> IamInstanceProfileAssociation {
        IamInstanceProfileAssociation::builder()
            .association_id(id)
            .instance_id(&row.instance)
            .iam_instance_profile(row.profile.clone())
            .state(state)
            .timestamp(self.register.made(id))
            .build()
    }

    /// Finds a profile that EC2 can use: known to it, and with a role.
    pub fn usable_profile(
        &self,
        specification: &IamInstanceProfileSpecification,
    ) -> Answer<IamInstanceProfile> {
        let (parameter, value) = match (specification.arn(), specification.name()) {
            (Some(arn), None) => ("iamInstanceProfile.arn", arn),
            (None, Some(name)) => ("iamInstanceProfile.name", name),
            (None, None) => return Err(missing("IamInstanceProfile.Name")),
            (Some(_), Some(_)) => {
                let message = "The parameter 'iamInstanceProfile.name' may not be used in \
                               combination with 'iamInstanceProfile.arn'";
                return Err(refuse("InvalidParameterCombination", message));
            }
        };
        let is_it = |name: &str, arn: &str| name == value || arn == value;
        let mut profiles = self.profiles.iter();
        let found = profiles.find(|(name, profile)| is_it(name, &profile.arn));
        let found = found.filter(|(_, profile)| self.register.sees(&profile.arn));
        let Some((_, profile)) = found else {
            let family = if parameter.ends_with("arn") {
                "ARN"
            } else {
                "name"
            };
            let reason = format!("Invalid IAM Instance Profile {family}");
            return Err(invalid_value(parameter, value, &reason));
        };
        let (now, propagation) = (self.register.now, self.register.propagation);
        let role = profile.role.as_ref();
        if role.is_none_or(|role| role.since + propagation > now) {
            let message = format!(
                "IAM Instance Profile \"{}\" has no associated IAM Roles",
                profile.arn
            );
            return Err(refuse("InvalidParameterValue", message));
        }
        Ok(IamInstanceProfile::builder()
            .arn(&profile.arn)
            .id(&profile.id)
            .build())
    }

    /// Finds the profile on an instance.
    pub fn profile_on(&self, instance: &str) -> Option<&IamInstanceProfile> {
        let mut rows = self.profile_associations.values();
        rows.find(|row| row.instance == instance)
            .map(|row| &row.profile)
    }

    pub fn associate_iam_instance_profile(
        &mut self,
        input: &AssociateIamInstanceProfileInput,
    ) -> Answer<AssociateIamInstanceProfileOutput> {
        let instance = require(input.instance_id(), "InstanceId")?;
        let specification = input.iam_instance_profile();
        let specification = specification.ok_or_else(|| missing("IamInstanceProfile"))?;
        let state = self.register.find(&self.instances, instance)?.state;
        let profile = self.usable_profile(specification)?;
        if !matches!(state, State::Running | State::Stopped | State::Stopping) {
            let message =
                format!("The instance '{instance}' is not in the 'running' or 'stopped' states.");
            return Err(refuse("IncorrectInstanceState", message));
        }
        if self.profile_on(instance).is_some() {
            let message = format!("There is an existing association for instance {instance}");
            return Err(refuse("IncorrectState", message));
        }
        let id = self.put_profile(instance, profile);
        let view = self
            .profile_associations
            .get(&id)
            .map(|row| self.association(&id, row, IamInstanceProfileAssociationState::Associating));
        let answer = AssociateIamInstanceProfileOutput::builder();
        Ok(answer.set_iam_instance_profile_association(view).build())
    }

    /// Puts a profile on an instance.
    pub fn put_profile(&mut self, instance: &str, profile: IamInstanceProfile) -> String {
        let id = self.register.add(Kind::PROFILE_ASSOCIATION, Tags::new());
        let instance = instance.to_owned();
        self.profile_associations
            .insert(id.clone(), ProfileAssociation { instance, profile });
        id
    }

    pub fn disassociate_iam_instance_profile(
        &mut self,
        input: &DisassociateIamInstanceProfileInput,
    ) -> Answer<DisassociateIamInstanceProfileOutput> {
        let id = require(input.association_id(), "AssociationId")?;
        self.register.check(Kind::PROFILE_ASSOCIATION, id)?;
        let Some(row) = self.profile_associations.remove(id) else {
            return Err(unknown_association(id));
        };
        let view = self.association(id, &row, IamInstanceProfileAssociationState::Disassociating);
        self.register.remove(id);
        let answer = DisassociateIamInstanceProfileOutput::builder();
        Ok(answer.iam_instance_profile_association(view).build())
    }
}
