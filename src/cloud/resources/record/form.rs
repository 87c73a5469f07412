//! Record sets that are more than a list of values: aliases, and those of which Route 53 chooses one for each question.
//!
//! A plan has no words for them, so labctl neither writes them nor takes them for something else: an update would make a
//! plain record of them.

use aws_sdk_route53::types::ResourceRecordSet;

/// Says what a record set is, where it is no plain list of values (Route 53 API Reference, "ResourceRecordSet").
pub fn other_than_values(set: &ResourceRecordSet) -> Option<String> {
    let alias = set
        .alias_target()
        .map(|target| format!("an alias of `{}`", target.dns_name().trim_end_matches('.')));
    let policy = routing_policy(set);
    let check = set
        .health_check_id()
        .map(|id| format!("bound to the health check `{id}`"));
    let traffic = set
        .traffic_policy_instance_id()
        .map(|id| format!("made by the traffic policy instance `{id}`"));
    let parts = [alias, policy, check, traffic].into_iter().flatten();
    let text = parts.collect::<Vec<_>>().join(", ");
    (!text.is_empty()).then_some(text)
}

fn routing_policy(set: &ResourceRecordSet) -> Option<String> {
    let identifier = set.set_identifier();
    let kind = if let Some(weight) = set.weight() {
        format!("weighted ({weight})")
    } else if let Some(region) = set.region() {
        format!("chosen by latency (`{region}`)")
    } else if set.geo_location().is_some() {
        "chosen by geolocation".to_owned()
    } else if set.geo_proximity_location().is_some() {
        "chosen by geoproximity".to_owned()
    } else if let Some(failover) = set.failover() {
        format!("part of a failover ({failover})")
    } else if set.multi_value_answer() == Some(true) {
        "part of a multivalue answer".to_owned()
    } else if set.cidr_routing_config().is_some() {
        "chosen by the asker's address".to_owned()
    } else {
        identifier.map(|_| "one of several of this name".to_owned())?
    };
    Some(match identifier {
        Some(identifier) => format!("{kind}, called `{identifier}`"),
        None => kind,
    })
}

#[cfg(test)]
mod tests {
    use aws_sdk_route53::types::{
        AliasTarget, GeoLocation, ResourceRecord, ResourceRecordSetFailover,
        ResourceRecordSetRegion, RrType, builders::ResourceRecordSetBuilder,
    };

    use super::*;

    fn set() -> ResourceRecordSetBuilder {
        let record = ResourceRecord::builder().value("10.0.0.1").build().unwrap();
        ResourceRecordSet::builder()
            .name("www.penguins.shop.")
            .r#type(RrType::A)
            .resource_records(record)
    }

    #[test]
    fn forms_are_named() {
        let alias = AliasTarget::builder()
            .hosted_zone_id("Z1")
            .dns_name("lb.example.org.")
            .evaluate_target_health(false)
            .build()
            .unwrap();
        let geo = GeoLocation::builder().continent_code("EU").build();
        let cases = [
            (set(), None),
            (
                set().alias_target(alias),
                Some("an alias of `lb.example.org`"),
            ),
            (
                set().set_identifier("blue").weight(10),
                Some("weighted (10), called `blue`"),
            ),
            (
                set()
                    .set_identifier("x")
                    .region(ResourceRecordSetRegion::EuWest1),
                Some("chosen by latency (`eu-west-1`), called `x`"),
            ),
            (
                set().set_identifier("x").geo_location(geo),
                Some("chosen by geolocation, called `x`"),
            ),
            (
                set()
                    .set_identifier("x")
                    .failover(ResourceRecordSetFailover::Primary),
                Some("part of a failover (PRIMARY), called `x`"),
            ),
            (
                set().set_identifier("x").multi_value_answer(true),
                Some("part of a multivalue answer, called `x`"),
            ),
            (
                set().health_check_id("h1"),
                Some("bound to the health check `h1`"),
            ),
        ];
        for (set, words) in cases {
            let form = other_than_values(&set.build().unwrap());
            assert_eq!(form.as_deref(), words);
        }
    }
}
