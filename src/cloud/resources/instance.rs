//! The server: an EC2 instance with an encrypted root volume.

use std::collections::BTreeSet;
use std::time::Duration;

use aws_sdk_ec2::operation::modify_instance_attribute::ModifyInstanceAttributeInput;
use aws_sdk_ec2::operation::modify_instance_metadata_options::ModifyInstanceMetadataOptionsInput;
use aws_sdk_ec2::operation::terminate_instances::TerminateInstancesInput;
use aws_sdk_ec2::types::{AttributeBooleanValue, HttpTokensState};

use crate::cloud::api::CallError;
use crate::cloud::resource::{self, Field, Live, OnChange, Reference, Tags, Value};
use crate::cloud::stakes::{Charge, Lost};

use super::context::{Handle, StepError};
use super::placement::Placement;
use super::reader::Reader;
use super::run::{Run, gone_is_fine};
use super::{Kind, Manage, ec2_tags, tags};

mod adopt;
mod console;
mod launch;
pub mod power;
mod profile;
mod read;
mod resize;
mod volume;

pub use adopt::{adopt, find};
pub use console::console_output;
pub use read::{describe, is_alive};

/// The families whose servers take more processor credits than they earn unless they are told not to, and pay for them
/// (Amazon EC2 User Guide, "Unlimited mode for burstable performance instances").
const UNLIMITED: [&str; 3] = ["t3.", "t3a.", "t4g."];
const TERMINATION: Duration = Duration::from_secs(900);

/// The server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Instance {
    /// The image in the plan's words; `None` where the note of it was lost.
    pub image: Option<String>,
    /// Its type, such as `t3.micro`.
    pub instance_type: String,
    /// Its disk.
    pub root_volume: RootVolume,
    /// What may reach it.
    pub security_groups: BTreeSet<Reference>,
    /// Where it is.
    pub subnet: Placement,
    /// Its availability zone, where the plan says one.
    pub availability_zone: Option<String>,
    /// What it may do in AWS.
    pub instance_profile: Option<Reference>,
    /// Whether AWS refuses to terminate it.
    pub termination_protection: bool,
    /// Who may ask it for its role's credentials.
    pub metadata: Metadata,
    /// A guarded change that did not come to its end.
    pub transaction: Option<String>,
    /// Its tags.
    pub tags: Tags,
}

/// The disk that the server boots from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RootVolume {
    /// Its size in GiB.
    pub size: i64,
    /// Its type, such as `gp3`.
    pub volume_type: String,
}

/// The instance metadata service of a server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Metadata {
    /// Whether a session token is required (IMDSv2).
    pub tokens_required: bool,
    /// How many network hops an answer may take; 1 keeps containers out.
    pub hop_limit: i32,
}

impl Metadata {
    /// The safe setting: session tokens, and no answer beyond the server.
    pub const SAFE: Self = Self {
        tokens_required: true,
        hop_limit: 1,
    };
}

impl Manage for Instance {
    const LOST: Lost = Lost::Data;

    fn fields(&self) -> Vec<Field> {
        let absent_or_text =
            |text: &Option<String>| text.as_ref().map_or(Value::Absent, Value::text);
        let profile = Value::from(&self.instance_profile);
        let groups = Value::List(self.security_groups.iter().map(Value::from).collect());
        let size = Value::Number(self.root_volume.size);
        let hop_limit = Value::Number(self.metadata.hop_limit.into());
        let mut fields = vec![
            Field::replace("image", absent_or_text(&self.image)),
            Field::new(
                "instance_type",
                Value::text(&self.instance_type),
                OnChange::Restart,
            )
            .priced(),
            Field::new("root_volume.size", size, OnChange::Grow).priced(),
            Field::update(
                "root_volume.type",
                Value::text(&self.root_volume.volume_type),
            )
            .priced(),
            Field::update("security_groups", groups),
            Field::replace("subnet", self.subnet.value()),
            Field::replace(
                "availability_zone",
                Value::maybe(self.availability_zone.as_ref()),
            ),
            Field::update("instance_profile", profile),
            Field::update(
                "termination_protection",
                Value::Bool(self.termination_protection),
            ),
            Field::update(
                "metadata.tokens_required",
                Value::Bool(self.metadata.tokens_required),
            ),
            Field::update("metadata.hop_limit", hop_limit),
            Field::new(
                "transaction",
                absent_or_text(&self.transaction),
                OnChange::Restart,
            ),
            Field::after("key_pair", Kind::KeyPair),
        ];
        if matches!(&self.subnet, Placement::In(Reference::To(_))) {
            fields.push(Field::after("routes", Kind::RouteTable));
        }
        fields.extend(tags::fields(&self.tags));
        fields
    }

    fn each_reference(&mut self, visit: &mut dyn FnMut(&mut Reference)) {
        self.subnet.each_reference(visit);
        self.instance_profile.iter_mut().for_each(&mut *visit);
        resource::each_of_set(&mut self.security_groups, visit);
    }

    fn charges(&self) -> Vec<Charge> {
        let (instance_type, volume) = (&self.instance_type, &self.root_volume);
        let mut charges = vec![
            Charge::Instance(instance_type.clone()),
            Charge::Volume {
                volume_type: volume.volume_type.clone(),
                size: volume.size,
            },
            Charge::OwnAddress,
            Charge::Use("traffic"),
        ];
        if UNLIMITED
            .iter()
            .any(|family| instance_type.starts_with(family))
        {
            charges.push(Charge::Use("processor credits beyond the earned ones"));
        }
        charges
    }

    fn tags(&mut self) -> Option<&mut Tags> {
        Some(&mut self.tags)
    }

    async fn read(reader: &Reader<'_>) -> Result<Vec<Live<Self>>, CallError> {
        read::read(reader).await
    }

    async fn create(&self, run: &Run<'_>) -> Result<Handle, StepError> {
        launch::launch(self, run).await
    }

    async fn update(&self, live: &Live<Self>, run: &Run<'_>) -> Result<(), StepError> {
        let before = &live.body;
        ec2_tags::update(live, &self.tags, run).await?;
        if before.termination_protection != self.termination_protection {
            protect(&live.id, self.termination_protection, run).await?;
        }
        if before.metadata != self.metadata {
            self.set_metadata(&live.id, run).await?;
        }
        if before.security_groups != self.security_groups {
            let input = ModifyInstanceAttributeInput::builder()
                .instance_id(&live.id)
                .set_groups(Some(self.group_ids(run)?));
            run.cloud.modify_instance_attribute(input).await?;
        }
        if before.instance_profile != self.instance_profile {
            profile::set(&live.id, self.instance_profile.as_ref(), run).await?;
        }
        if before.root_volume != self.root_volume {
            volume::modify(live, &self.root_volume, run).await?;
        }
        if before.instance_type != self.instance_type || before.transaction != self.transaction {
            resize::resize(live, before, self, run).await?;
        }
        Ok(())
    }

    async fn delete(live: &Live<Self>, run: &Run<'_>) -> Result<(), StepError> {
        if live.body.termination_protection {
            protect(&live.id, false, run).await?;
        }
        let input = TerminateInstancesInput::builder().instance_ids(&live.id);
        let result = run.cloud.terminate_instances(input).await;
        gone_is_fine(result, &["InvalidInstanceID.NotFound"])?;
        run.wait("the server to be terminated", TERMINATION, async || {
            let instance = describe(run.cloud, &live.id).await?;
            let is_gone = instance.is_none_or(|instance| read::is_terminated(&instance));
            Ok(is_gone.then_some(()))
        })
        .await
    }
}

impl Instance {
    fn group_ids(&self, run: &Run<'_>) -> Result<Vec<String>, StepError> {
        self.security_groups
            .iter()
            .map(|group| run.id(group))
            .collect()
    }

    /// Sends all options, because a server may drop those that are not named.
    async fn set_metadata(&self, id: &str, run: &Run<'_>) -> Result<(), StepError> {
        let tokens = match self.metadata.tokens_required {
            true => HttpTokensState::Required,
            false => HttpTokensState::Optional,
        };
        let input = ModifyInstanceMetadataOptionsInput::builder()
            .instance_id(id)
            .http_tokens(tokens)
            .http_put_response_hop_limit(self.metadata.hop_limit)
            .http_endpoint(aws_sdk_ec2::types::InstanceMetadataEndpointState::Enabled);
        run.cloud.modify_instance_metadata_options(input).await?;
        Ok(())
    }
}

async fn protect(id: &str, protected: bool, run: &Run<'_>) -> Result<(), StepError> {
    let value = AttributeBooleanValue::builder().value(protected).build();
    let input = ModifyInstanceAttributeInput::builder()
        .instance_id(id)
        .disable_api_termination(value);
    run.cloud.modify_instance_attribute(input).await?;
    Ok(())
}
