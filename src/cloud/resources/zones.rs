//! Finding hosted zones: by the plan's name, by the notes of former plans, by the marks on them.

use aws_sdk_route53::operation::list_hosted_zones_by_name::ListHostedZonesByNameInput;
use aws_sdk_route53::types::HostedZone;
use futures_util::future::try_join_all;

use crate::cloud::api::{CallError, Read};
use crate::cloud::resource::Tags;
use crate::support::digest::sha256;

use super::context::Scope;
use super::pages::Pages;
use super::{dns_name, tags};

/// The ids of the lab's zones: the plan's, and those that it had before.
#[derive(Debug, Clone, Default)]
pub struct Zones {
    /// Zones of the plan's name.
    pub current: Vec<HostedZone>,
    /// Zones of the name that a note of a former plan gives.
    pub stale: Vec<HostedZone>,
}

/// Finds the public zones of a name.
pub async fn find(cloud: &dyn Read, name: &str) -> Result<Vec<HostedZone>, CallError> {
    let input = ListHostedZonesByNameInput::builder()
        .dns_name(name)
        .max_items(100);
    let output = cloud.list_hosted_zones_by_name(input).await?;
    let is_public = |zone: &HostedZone| !zone.config().is_some_and(|config| config.private_zone());
    let zones = output.hosted_zones.into_iter();
    Ok(zones
        .filter(|zone| dns_name::normal_form(zone.name()) == name && is_public(zone))
        .collect())
}

/// Finds the zones that this lab has made, whatever their names.
async fn find_made(cloud: &dyn Read, scope: &Scope) -> Result<Vec<HostedZone>, CallError> {
    let mut found = Vec::new();
    let mut from = (None, None);
    let mut pages = Pages::of("route53", "ListHostedZonesByName");
    loop {
        let input = ListHostedZonesByNameInput::builder()
            .set_dns_name(from.0)
            .set_hosted_zone_id(from.1)
            .max_items(100);
        let page = cloud.list_hosted_zones_by_name(input).await?;
        found.extend(page.hosted_zones);
        from = (page.next_dns_name, page.next_hosted_zone_id);
        if !page.is_truncated || from.0.is_none() {
            break;
        }
        pages.next(Some(format!("{from:?}")))?;
    }
    found.retain(|zone| {
        let name = dns_name::normal_form(zone.name());
        let is_made = zone
            .caller_reference()
            .starts_with(&reference_prefix(scope, &name));
        is_made && scope.zone.as_ref() != Some(&name)
    });
    Ok(found)
}

/// Finds the zone of the plan, and those of former plans by the note of them, or
/// by their marks where the note is gone with the key pair.
pub async fn find_all(
    cloud: &dyn Read,
    scope: &Scope,
    notes: impl Future<Output = Result<Option<Tags>, CallError>>,
) -> Result<Zones, CallError> {
    let name = scope.zone.as_deref();
    let current = async {
        match name {
            Some(name) => find(cloud, name).await,
            None => Ok(Vec::new()),
        }
    };
    let stale = async {
        let Some(mut notes) = notes.await? else {
            return find_made(cloud, scope).await;
        };
        let noted = notes.remove(tags::ZONE_NOTE).unwrap_or_default();
        let stale = noted
            .split_whitespace()
            .filter(|noted| Some(*noted) != name);
        let found = try_join_all(stale.map(|stale| find(cloud, stale))).await?;
        Ok(found.concat())
    };
    let (current, stale) = futures_util::try_join!(current, stale)?;
    Ok(Zones { current, stale })
}

/// The longest caller reference (Route 53 API Reference, "CreateHostedZone"), without the generation's digits.
const LONGEST_PREFIX: usize = 128 - 3;

/// What the caller references of the lab's zones of a name begin with; a name that is too long for them is there by its
/// digest.
pub fn reference_prefix(scope: &Scope, name: &str) -> String {
    let Scope { lab, region, .. } = scope;
    let prefix = format!("labctl/{lab}/{region}/{name}/");
    match prefix.len() > LONGEST_PREFIX {
        true => format!("labctl/{lab}/{region}/{}/", &sha256(name)[..32]),
        false => prefix,
    }
}
