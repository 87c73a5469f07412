//! The hosted zone of the lab's domain: used where it exists, else created.
//!
//! A zone cannot be tagged in the call that creates it, so the caller reference
//! of that call is the mark of ownership; tags follow, and are repaired.

use aws_sdk_route53::operation::change_tags_for_resource::ChangeTagsForResourceInput;
use aws_sdk_route53::operation::create_hosted_zone::CreateHostedZoneInput;
use aws_sdk_route53::operation::delete_hosted_zone::DeleteHostedZoneInput;
use aws_sdk_route53::operation::list_tags_for_resource::ListTagsForResourceInput;
use aws_sdk_route53::types::{HostedZone, Tag, TagResourceType};
use futures_util::future::try_join_all;

use crate::cloud::api::CallError;
use crate::cloud::resource::{Address, Field, Live, Observed, Owner, Standing, Tags, Value};
use crate::cloud::stakes::{Charge, Lost};

use super::context::{Handle, StepError, required};
use super::reader::Reader;
use super::run::{Run, gone_is_fine};
use super::zones::{find, reference_prefix};
use super::{Kind, Manage, dns_name, tags};

/// How many caller references to try; each was used up by one zone of before.
const GENERATIONS: u32 = 100;

/// The hosted zone of a domain.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Zone {
    /// The domain, without a dot at its end.
    pub name: String,
    /// Its tags.
    pub tags: Tags,
}

/// The id without the path that some answers put before it.
pub fn bare_id(id: &str) -> &str {
    id.rsplit('/').next().unwrap_or(id)
}

async fn live(
    reader: &Reader<'_>,
    zone: &HostedZone,
    standing: Standing,
) -> Result<Live<Zone>, CallError> {
    let id = bare_id(zone.id());
    let name = dns_name::normal_form(zone.name());
    let input = ListTagsForResourceInput::builder()
        .resource_type(TagResourceType::Hostedzone)
        .resource_id(id);
    let output = reader.cloud.list_tags_for_resource(input).await?;
    let tags = output
        .resource_tag_set
        .and_then(|set| set.tags)
        .unwrap_or_default();
    let tags = tags.into_iter();
    let tags = tags.filter_map(|tag| Some((tag.key?, tag.value.unwrap_or_default())));
    let observed = Observed {
        tags: tags.collect(),
        ..Observed::default()
    };
    let address = Address::of(Kind::Zone);
    let prefix = reference_prefix(reader.scope, &name);
    let mut live = tags::live(reader.scope, address, id, observed, |tags| Zone {
        name,
        tags,
    });
    live.standing = standing;
    if zone.caller_reference().starts_with(&prefix) {
        live.owner = Owner::Lab;
    }
    Ok(live)
}

impl Zone {
    /// Changes the tags, at most ten a call (Route 53 API Reference,
    /// `ChangeTagsForResource`).
    async fn set_tags(
        &self,
        id: &str,
        change: &tags::TagChange,
        run: &Run<'_>,
    ) -> Result<(), CallError> {
        const AT_ONCE: usize = 10;
        let set = change.set.iter();
        let set: Vec<Tag> = set
            .map(|(key, value)| Tag::builder().key(key).value(value).build())
            .collect();
        let input = || {
            ChangeTagsForResourceInput::builder()
                .resource_type(TagResourceType::Hostedzone)
                .resource_id(id)
        };
        let added = set
            .chunks(AT_ONCE)
            .map(|tags| input().set_add_tags(Some(tags.to_vec())));
        let removed = change.remove.chunks(AT_ONCE);
        let removed = removed.map(|keys| input().set_remove_tag_keys(Some(keys.to_vec())));
        for input in removed.chain(added) {
            run.cloud.change_tags_for_resource(input).await?;
        }
        Ok(())
    }

    /// Creates the zone with the first caller reference that is not used up.
    async fn call(&self, run: &Run<'_>) -> Result<Handle, StepError> {
        let prefix = reference_prefix(run.scope, &self.name);
        for generation in 0..GENERATIONS {
            let input = CreateHostedZoneInput::builder()
                .name(&self.name)
                .caller_reference(format!("{prefix}{generation}"));
            match run.cloud.create_hosted_zone(input).await {
                Ok(output) => {
                    let id = output.hosted_zone.map(|zone| zone.id);
                    let id = required(id, "CreateHostedZone", "zone id")?;
                    let servers = output.delegation_set.map(|set| set.name_servers);
                    return Ok(Handle {
                        id: bare_id(&id).to_owned(),
                        observed: Observed {
                            name_servers: servers.unwrap_or_default(),
                            ..Observed::default()
                        },
                    });
                }
                Err(error) if error.code() == "HostedZoneAlreadyExists" => {
                    let zones = find(run.cloud, &self.name).await?;
                    let ours = zones
                        .iter()
                        .find(|zone| zone.caller_reference().starts_with(&prefix));
                    if let Some(zone) = ours {
                        return Ok(Handle::of(bare_id(zone.id())));
                    }
                }
                Err(error) => return Err(error.into()),
            }
        }
        Err(StepError::blocked(
            format!(
                "this lab has made and deleted the zone `{}` {GENERATIONS} times",
                self.name
            ),
            "create it by hand, then it is used",
        ))
    }
}

impl Manage for Zone {
    const LOST: Lost = Lost::Data;

    fn fields(&self) -> Vec<Field> {
        let mut fields = vec![
            Field::replace("name", Value::text(&self.name)),
            Field::noted_on(Kind::KeyPair),
        ];
        fields.extend(tags::fields(&self.tags));
        fields
    }

    fn charges(&self) -> Vec<Charge> {
        vec![Charge::Zone, Charge::Use("DNS queries")]
    }

    fn tags(&mut self) -> Option<&mut Tags> {
        Some(&mut self.tags)
    }

    async fn read(reader: &Reader<'_>) -> Result<Vec<Live<Self>>, CallError> {
        let zones = reader.zones().await?;
        let current = zones
            .current
            .iter()
            .map(|zone| live(reader, zone, Standing::Current));
        let stale = zones
            .stale
            .iter()
            .map(|zone| live(reader, zone, Standing::Stale));
        let (mut found, stale) =
            futures_util::try_join!(try_join_all(current), try_join_all(stale))?;
        // A stale zone that is somebody else's was only used.
        found.extend(stale.into_iter().filter(|live| live.owner == Owner::Lab));
        Ok(found)
    }

    async fn create(&self, run: &Run<'_>) -> Result<Handle, StepError> {
        let handle = self.call(run).await?;
        let change = tags::TagChange {
            set: self.tags.clone(),
            remove: Vec::new(),
        };
        run.settled("the zone to be known", &["NoSuchHostedZone"], async || {
            self.set_tags(&handle.id, &change, run).await
        })
        .await?;
        Ok(handle)
    }

    async fn update(&self, live: &Live<Self>, run: &Run<'_>) -> Result<(), StepError> {
        let change = tags::change(&live.observed.tags, &self.tags, run.scope);
        Ok(self.set_tags(&live.id, &change, run).await?)
    }

    async fn delete(live: &Live<Self>, run: &Run<'_>) -> Result<(), StepError> {
        let input = DeleteHostedZoneInput::builder().id(&live.id);
        let result = run.cloud.delete_hosted_zone(input).await;
        let name = &live.body.name;
        match gone_is_fine(result, &["NoSuchHostedZone"]) {
            Err(error) if error.code() == "HostedZoneNotEmpty" => Err(StepError::blocked(
                format!("the zone `{name}` has records that are not this lab's"),
                "delete them by hand, then run the same command again",
            )),
            other => Ok(other?),
        }
    }
}
