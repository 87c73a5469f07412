//! Instance profiles.
//!
//! Sources: IAM API Reference, "CreateInstanceProfile",
//! "AddRoleToInstanceProfile" (one role at most), "DeleteInstanceProfile".

use std::time::Duration;

use aws_sdk_iam::operation::{
    add_role_to_instance_profile::{AddRoleToInstanceProfileInput, AddRoleToInstanceProfileOutput},
    create_instance_profile::{CreateInstanceProfileInput, CreateInstanceProfileOutput},
    delete_instance_profile::{DeleteInstanceProfileInput, DeleteInstanceProfileOutput},
    get_instance_profile::{GetInstanceProfileInput, GetInstanceProfileOutput},
    remove_role_from_instance_profile::{
        RemoveRoleFromInstanceProfileInput, RemoveRoleFromInstanceProfileOutput,
    },
};
use aws_sdk_iam::types::InstanceProfile;

use super::super::refusal::{Answer, Refusal, require};
use super::super::register::Kind;
use super::super::world::World;
use super::{already_exists, checked_name, delete_conflict, limit_exceeded, no_such_entity, tags};

/// An instance profile.
pub struct Profile {
    pub arn: String,
    pub id: String,
    path: String,
    pub role: Option<RoleInProfile>,
}

/// The role in an instance profile.
pub struct RoleInProfile {
    pub name: String,
    /// When it was put there.
    pub since: Duration,
}

fn no_profile(name: &str) -> Refusal {
    no_such_entity(format!("Instance Profile {name} cannot be found."))
}

impl World {
    /// Finds an instance profile by its name.
    pub fn profile(&self, name: Option<&str>) -> Answer<&Profile> {
        let name = require(name, "instanceProfileName")?;
        let profile = self.profiles.get(name);
        let profile = profile.filter(|profile| self.register.sees(&profile.arn));
        profile.ok_or_else(|| no_profile(name))
    }

    fn profile_mut(&mut self, name: Option<&str>) -> Answer<&mut Profile> {
        self.profile(name)?;
        let name = name.unwrap_or_default();
        self.profiles.get_mut(name).ok_or_else(|| no_profile(name))
    }

    fn profile_view(&self, name: &str, profile: &Profile) -> Answer<InstanceProfile> {
        let role = profile.role.as_ref();
        let role = role.and_then(|role| self.roles.get_key_value(&role.name));
        let roles = role
            .into_iter()
            .map(|(name, role)| self.role_view(name, role).build());
        let roles = roles.collect::<Result<_, _>>()?;
        let view = InstanceProfile::builder()
            .instance_profile_name(name)
            .instance_profile_id(&profile.id)
            .arn(&profile.arn)
            .path(&profile.path)
            .create_date(self.register.made(&profile.arn))
            .set_roles(Some(roles))
            .set_tags(Some(self.register.iam_tags(&profile.arn)?));
        Ok(view.build()?)
    }

    pub fn get_instance_profile(
        &self,
        input: &GetInstanceProfileInput,
    ) -> Answer<GetInstanceProfileOutput> {
        let name = input.instance_profile_name();
        let view = self.profile_view(name.unwrap_or_default(), self.profile(name)?)?;
        Ok(GetInstanceProfileOutput::builder()
            .instance_profile(view)
            .build())
    }

    pub fn create_instance_profile(
        &mut self,
        input: &CreateInstanceProfileInput,
    ) -> Answer<CreateInstanceProfileOutput> {
        let name = checked_name(input.instance_profile_name(), "instanceProfileName", 128)?;
        let tags = tags::read(input.tags())?;
        if self
            .profiles
            .keys()
            .any(|known| known.eq_ignore_ascii_case(name))
        {
            return Err(already_exists(format!(
                "Instance Profile {name} already exists."
            )));
        }
        let path = input.path().unwrap_or("/").to_owned();
        let arn = format!(
            "arn:aws:iam::{}:instance-profile{path}{name}",
            self.register.account
        );
        self.register.enter(&arn, Kind::PROFILE, "", tags);
        let profile = Profile {
            arn,
            id: self.next_iam_id("AIPA"),
            path,
            role: None,
        };
        let view = self.profile_view(name, &profile)?;
        self.profiles.insert(name.to_owned(), profile);
        Ok(CreateInstanceProfileOutput::builder()
            .instance_profile(view)
            .build())
    }

    pub fn add_role_to_instance_profile(
        &mut self,
        input: &AddRoleToInstanceProfileInput,
    ) -> Answer<AddRoleToInstanceProfileOutput> {
        self.role(input.role_name())?;
        let since = self.register.now;
        let profile = self.profile_mut(input.instance_profile_name())?;
        if profile.role.is_some() {
            let message = "Cannot exceed quota for InstanceSessionsPerInstanceProfile: 1";
            return Err(limit_exceeded(message));
        }
        let name = input.role_name().unwrap_or_default().to_owned();
        profile.role = Some(RoleInProfile { name, since });
        Ok(AddRoleToInstanceProfileOutput::builder().build())
    }

    pub fn remove_role_from_instance_profile(
        &mut self,
        input: &RemoveRoleFromInstanceProfileInput,
    ) -> Answer<RemoveRoleFromInstanceProfileOutput> {
        let role = require(input.role_name(), "roleName")?;
        let profile = self.profile_mut(input.instance_profile_name())?;
        let removed = profile.role.take_if(|known| known.name == role);
        if removed.is_none() {
            let message =
                format!("The role with name {role} cannot be found in the instance profile.");
            return Err(no_such_entity(message));
        }
        Ok(RemoveRoleFromInstanceProfileOutput::builder().build())
    }

    /// Deletes a profile without a role, even if an instance has it.
    pub fn delete_instance_profile(
        &mut self,
        input: &DeleteInstanceProfileInput,
    ) -> Answer<DeleteInstanceProfileOutput> {
        let profile = self.profile(input.instance_profile_name())?;
        if profile.role.is_some() {
            let message = "Cannot delete entity, must remove roles from instance profile first.";
            return Err(delete_conflict(message));
        }
        let arn = profile.arn.clone();
        self.profiles
            .remove(input.instance_profile_name().unwrap_or_default());
        self.register.remove(&arn);
        Ok(DeleteInstanceProfileOutput::builder().build())
    }
}
