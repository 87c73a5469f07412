//! The instance profile: the server's role as an instance can carry it.

use aws_sdk_iam::operation::add_role_to_instance_profile::AddRoleToInstanceProfileInput;
use aws_sdk_iam::operation::create_instance_profile::CreateInstanceProfileInput;
use aws_sdk_iam::operation::delete_instance_profile::DeleteInstanceProfileInput;
use aws_sdk_iam::operation::get_instance_profile::GetInstanceProfileInput;
use aws_sdk_iam::operation::remove_role_from_instance_profile::RemoveRoleFromInstanceProfileInput;
use aws_sdk_iam::operation::tag_instance_profile::TagInstanceProfileInput;
use aws_sdk_iam::operation::untag_instance_profile::UntagInstanceProfileInput;
use aws_sdk_iam::types::InstanceProfile as IamInstanceProfile;

use crate::cloud::api::{CallError, Read};
use crate::cloud::resource::{Address, Field, Live, Observed, Reference, Tags, Value};
use crate::cloud::stakes::{Charge, Lost};

use super::context::{Handle, StepError, required};
use super::reader::{NO_SUCH_ENTITY, Reader, found};
use super::run::{Run, gone_is_fine};
use super::{Kind, Manage, iam_tags, tags};

/// A role as an instance can carry it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InstanceProfile {
    /// Its name: the role's.
    pub name: String,
    /// The role.
    pub role: Option<Reference>,
    /// Its tags.
    pub tags: Tags,
}

async fn get(cloud: &dyn Read, name: &str) -> Result<Option<IamInstanceProfile>, CallError> {
    let input = GetInstanceProfileInput::builder().instance_profile_name(name);
    let output = found(cloud.get_instance_profile(input).await)?;
    Ok(output.and_then(|output| output.instance_profile))
}

impl InstanceProfile {
    /// Puts the role in; the role's name is the profile's own.
    async fn add_role(&self, run: &Run<'_>) -> Result<(), StepError> {
        let Some(role) = &self.role else {
            return Ok(());
        };
        let arn = run.id(role)?;
        let role_name = arn.rsplit('/').next().unwrap_or_default().to_owned();
        run.settled("the role to be known", &[NO_SUCH_ENTITY], async || {
            let input = AddRoleToInstanceProfileInput::builder()
                .instance_profile_name(&self.name)
                .role_name(&role_name);
            let result = run.cloud.add_role_to_instance_profile(input).await;
            gone_is_fine(result, &["LimitExceeded"])
        })
        .await
    }

    /// Makes sure that a profile of this name, made meanwhile, is the lab's.
    async fn taken(&self, run: &Run<'_>) -> Result<String, StepError> {
        run.made_meanwhile(
            &format!("an instance profile `{}`", self.name),
            async || {
                let profile = get(run.cloud, &self.name).await?;
                let is_ours = |profile: &IamInstanceProfile| {
                    tags::is_ours(&iam_tags::read(profile.tags()), run.scope)
                };
                Ok(profile.filter(is_ours).map(|profile| profile.arn))
            },
        )
        .await
    }
}

async fn remove_role(live: &Live<InstanceProfile>, run: &Run<'_>) -> Result<(), StepError> {
    let profile = &live.body;
    let role = match &profile.role {
        None => return Ok(()),
        Some(Reference::To(_)) => profile.name.clone(),
        Some(Reference::Id(arn)) => {
            let name = arn.rsplit('/').next().map(str::to_owned);
            required(name, "GetInstanceProfile", "role name")?
        }
    };
    let input = RemoveRoleFromInstanceProfileInput::builder()
        .instance_profile_name(&profile.name)
        .role_name(role);
    let result = run.cloud.remove_role_from_instance_profile(input).await;
    Ok(gone_is_fine(result, &[NO_SUCH_ENTITY])?)
}

impl Manage for InstanceProfile {
    const LOST: Lost = Lost::Nothing;

    fn fields(&self) -> Vec<Field> {
        let role = Value::from(&self.role);
        let mut fields = vec![
            Field::replace("name", Value::text(&self.name)),
            Field::update("role", role),
        ];
        fields.extend(tags::fields(&self.tags));
        fields
    }

    fn each_reference(&mut self, visit: &mut dyn FnMut(&mut Reference)) {
        self.role.iter_mut().for_each(visit);
    }

    fn charges(&self) -> Vec<Charge> {
        Vec::new()
    }

    fn tags(&mut self) -> Option<&mut Tags> {
        Some(&mut self.tags)
    }

    async fn read(reader: &Reader<'_>) -> Result<Vec<Live<Self>>, CallError> {
        let name = reader.scope.role_name();
        let Some(profile) = get(reader.cloud, &name).await? else {
            return Ok(Vec::new());
        };
        let observed = Observed {
            tags: iam_tags::read(profile.tags()),
            arn: Some(profile.arn().to_owned()),
            ..Observed::default()
        };
        let address = Address::of(Kind::InstanceProfile);
        let live = tags::live(reader.scope, address, profile.arn(), observed, |tags| {
            let role = profile.roles().first();
            Self {
                name,
                role: Reference::named(role.map(|role| role.arn())),
                tags,
            }
        });
        Ok(vec![live])
    }

    async fn create(&self, run: &Run<'_>) -> Result<Handle, StepError> {
        let input = CreateInstanceProfileInput::builder()
            .instance_profile_name(&self.name)
            .set_tags(Some(iam_tags::write(&self.tags)));
        let arn = match run.cloud.create_instance_profile(input).await {
            Ok(output) => {
                let arn = output.instance_profile.map(|profile| profile.arn);
                required(arn, "CreateInstanceProfile", "ARN")?
            }
            Err(error) if error.code() == "EntityAlreadyExists" => self.taken(run).await?,
            Err(error) => return Err(error.into()),
        };
        self.add_role(run).await?;
        Ok(Handle::of(arn))
    }

    async fn update(&self, live: &Live<Self>, run: &Run<'_>) -> Result<(), StepError> {
        if live.body.role != self.role {
            remove_role(live, run).await?;
            self.add_role(run).await?;
        }
        let change = tags::change(&live.observed.tags, &self.tags, run.scope);
        if !change.remove.is_empty() {
            let input = UntagInstanceProfileInput::builder()
                .instance_profile_name(&self.name)
                .set_tag_keys(Some(change.remove));
            run.cloud.untag_instance_profile(input).await?;
        }
        if !change.set.is_empty() {
            let input = TagInstanceProfileInput::builder()
                .instance_profile_name(&self.name)
                .set_tags(Some(iam_tags::write(&change.set)));
            run.cloud.tag_instance_profile(input).await?;
        }
        Ok(())
    }

    async fn delete(live: &Live<Self>, run: &Run<'_>) -> Result<(), StepError> {
        remove_role(live, run).await?;
        let input = DeleteInstanceProfileInput::builder().instance_profile_name(&live.body.name);
        let result = run.cloud.delete_instance_profile(input).await;
        Ok(gone_is_fine(result, &[NO_SUCH_ENTITY])?)
    }
}
