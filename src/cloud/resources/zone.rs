//! The hosted zone of the lab's domain: used where it exists, else created.
//!
//! A zone cannot be tagged in the call that creates it, so the caller reference
//! of that call is the mark of ownership; tags follow, and are repaired.

use aws_sdk_route53::operation::change_tags_for_resource::ChangeTagsForResourceInput;
use aws_sdk_route53::operation::create_hosted_zone::CreateHostedZoneInput;
use aws_sdk_route53::operation::delete_hosted_zone::DeleteHostedZoneInput;
use aws_sdk_route53::operation::list_hosted_zones_by_name::ListHostedZonesByNameInput;
use aws_sdk_route53::operation::list_tags_for_resource::ListTagsForResourceInput;
use aws_sdk_route53::types::{HostedZone, Tag, TagResourceType};
use futures_util::future::try_join_all;

use crate::cloud::api::{CallError, Read};
use crate::cloud::resource::{Address, Field, Live, Observed, Owner, Standing, Tags, Value};

use super::context::{Handle, Scope, StepError, required};
use super::pages::Pages;
use super::reader::Reader;
use super::run::{Run, gone_is_fine};
use super::key_pair::{self, ZONE_NOTE};
use super::{Body, Kind, Manage, dns_name, tags};

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

/// The ids of the lab's zones: the plan's, and those that it had before.
#[derive(Debug, Clone, Default)]
pub struct Zones {
    /// Zones of the plan's name.
    pub current: Vec<HostedZone>,
    /// Zones of the name that a note of a former plan gives.
    pub former: Vec<HostedZone>,
}

/// The id without the path that some answers put before it.
pub fn bare_id(id: &str) -> &str {
    id.rsplit('/').next().unwrap_or(id)
}

/// Finds the public zones of a name.
async fn find(cloud: &dyn Read, name: &str) -> Result<Vec<HostedZone>, CallError> {
    let input = ListHostedZonesByNameInput::builder().dns_name(name).max_items(100);
    let output = cloud.list_hosted_zones_by_name(input).await?;
    let is_public = |zone: &HostedZone| !zone.config().is_some_and(|config| config.private_zone());
    let zones = output.hosted_zones.into_iter();
    Ok(zones
        .filter(|zone| dns_name::normal_form(zone.name()) == name && is_public(zone))
        .collect())
}

/// Finds the zones that this lab has made, whatever their names.
async fn find_made(reader: &Reader<'_>) -> Result<Vec<HostedZone>, CallError> {
    let mut found = Vec::new();
    let mut from = (None, None);
    let mut pages = Pages::of("route53", "ListHostedZonesByName");
    loop {
        let input = ListHostedZonesByNameInput::builder()
            .set_dns_name(from.0)
            .set_hosted_zone_id(from.1)
            .max_items(100);
        let page = reader.cloud.list_hosted_zones_by_name(input).await?;
        found.extend(page.hosted_zones);
        from = (page.next_dns_name, page.next_hosted_zone_id);
        if !page.is_truncated || from.0.is_none() {
            break;
        }
        pages.next(Some(format!("{from:?}")))?;
    }
    found.retain(|zone| {
        let name = dns_name::normal_form(zone.name());
        let is_made = zone.caller_reference().starts_with(&reference_prefix(reader.scope, &name));
        is_made && reader.scope.zone.as_ref() != Some(&name)
    });
    Ok(found)
}

/// Finds the zone of the plan, and those of former plans by the note of them, or
/// by their marks where the note is gone with the key pair.
pub async fn find_all(reader: &Reader<'_>) -> Result<Zones, CallError> {
    let name = reader.scope.zone.as_deref();
    let current = async {
        match name {
            Some(name) => find(reader.cloud, name).await,
            None => Ok(Vec::new()),
        }
    };
    let former = async {
        let Some(mut notes) = key_pair::notes(reader).await? else {
            return find_made(reader).await;
        };
        let noted = notes.remove(ZONE_NOTE).unwrap_or_default();
        let former = noted.split_whitespace().filter(|noted| Some(*noted) != name);
        let found = try_join_all(former.map(|former| find(reader.cloud, former))).await?;
        Ok(found.concat())
    };
    let (current, former) = futures_util::try_join!(current, former)?;
    Ok(Zones {
        current,
        former,
    })
}

fn reference_prefix(scope: &Scope, name: &str) -> String {
    format!("labctl/{}/{}/{name}/", scope.lab, scope.region)
}

async fn live(
    reader: &Reader<'_>,
    zone: &HostedZone,
    standing: Standing,
) -> Result<Live, CallError> {
    let id = bare_id(zone.id());
    let name = dns_name::normal_form(zone.name());
    let input = ListTagsForResourceInput::builder()
        .resource_type(TagResourceType::Hostedzone)
        .resource_id(id);
    let output = reader.cloud.list_tags_for_resource(input).await?;
    let tags = output.resource_tag_set.and_then(|set| set.tags).unwrap_or_default();
    let tags = tags.into_iter();
    let tags = tags.filter_map(|tag| Some((tag.key?, tag.value.unwrap_or_default())));
    let observed = Observed {
        tags: tags.collect(),
        ..Observed::default()
    };
    let address = Address::of(Kind::Zone);
    let prefix = reference_prefix(reader.scope, &name);
    let mut live = tags::live(reader.scope, address, id, observed, |tags| {
        Zone { name, tags }.into()
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
        let added = set.chunks(AT_ONCE).map(|tags| input().set_add_tags(Some(tags.to_vec())));
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
        Err(StepError::Blocked(format!(
            "this lab has made and deleted the zone `{}` {GENERATIONS} times; create it by hand, \
             then it is used",
            self.name
        )))
    }
}

impl Manage for Zone {
    fn fields(&self) -> Vec<Field> {
        let mut fields = vec![
            Field::replace("name", Value::text(&self.name)),
            Field::noted_on(Kind::KeyPair),
        ];
        fields.extend(tags::fields(&self.tags));
        fields
    }

    async fn read(reader: &Reader<'_>) -> Result<Vec<Live>, CallError> {
        let zones = reader.zones().await?;
        let current = zones.current.iter().map(|zone| live(reader, zone, Standing::Current));
        let former = zones.former.iter().map(|zone| live(reader, zone, Standing::Former));
        let (mut found, former) =
            futures_util::try_join!(try_join_all(current), try_join_all(former))?;
        // A former zone that is somebody else's was only used.
        found.extend(former.into_iter().filter(|live| live.owner == Owner::Lab));
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

    async fn update(
        &self,
        live: &Live,
        _changed: &[String],
        run: &Run<'_>,
    ) -> Result<(), StepError> {
        let change = tags::change(&live.observed.tags, &self.tags, run.scope);
        Ok(self.set_tags(&live.id, &change, run).await?)
    }

    async fn delete(live: &Live, run: &Run<'_>) -> Result<(), StepError> {
        let input = DeleteHostedZoneInput::builder().id(&live.id);
        let result = run.cloud.delete_hosted_zone(input).await;
        let name = match &live.body {
            Body::Zone(zone) => zone.name.as_str(),
            _ => "",
        };
        match gone_is_fine(result, &["NoSuchHostedZone"]) {
            Err(error) if error.code() == "HostedZoneNotEmpty" => {
                Err(StepError::Blocked(format!(
                    "the zone `{name}` has records that are not this lab's; delete them by hand, \
                     then run the same command again"
                )))
            }
            other => Ok(other?),
        }
    }
}
