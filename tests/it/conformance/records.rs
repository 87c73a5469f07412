//! Rules of Route 53's zones and records.

use aws_sdk_route53::operation::change_resource_record_sets::ChangeResourceRecordSetsInput;
use aws_sdk_route53::operation::delete_hosted_zone::DeleteHostedZoneInput;
use aws_sdk_route53::types::{
    Change, ChangeAction, ChangeBatch, ResourceRecord, ResourceRecordSet, RrType,
};
use labctl::cloud::api::Cloud;

use super::{Rule, code, zone};

type Wanted<'a> = (ChangeAction, &'a str, RrType, &'a str);

fn change((action, name, kind, value): &Wanted<'_>) -> Change {
    let value = ResourceRecord::builder().value(*value).build().unwrap();
    let set = ResourceRecordSet::builder()
        .name(*name)
        .r#type(kind.clone())
        .ttl(300)
        .resource_records(value);
    let change = Change::builder().action(action.clone());
    change
        .resource_record_set(set.build().unwrap())
        .build()
        .unwrap()
}

/// A zone, `lab.shop`, that takes changes.
struct Zone<'a> {
    cloud: &'a dyn Cloud,
    id: String,
}

impl<'a> Zone<'a> {
    async fn new(cloud: &'a dyn Cloud) -> Self {
        let answer = cloud.create_hosted_zone(zone("records")).await.unwrap();
        let id = answer.hosted_zone.unwrap().id;
        Self { cloud, id }
    }

    /// The code of the answer to changes that are made together.
    async fn ask(&self, wanted: &[Wanted<'_>]) -> String {
        let changes = wanted.iter().map(change).collect();
        let batch = ChangeBatch::builder().set_changes(Some(changes));
        let input = ChangeResourceRecordSetsInput::builder()
            .hosted_zone_id(&self.id)
            .change_batch(batch.build().unwrap());
        code(self.cloud.change_resource_record_sets(input).await)
    }
}

const WWW: Wanted<'_> = (ChangeAction::Create, "www.lab.shop", RrType::A, "192.0.2.1");

pub const RULES: &[Rule] = &[
    Rule {
        name: "a record is created once, and replaced by UPSERT",
        source: "Route 53 API Reference, ChangeResourceRecordSets and Change",
        expected: &["ok", "InvalidChangeBatch", "ok"],
        ask: |cloud, _| {
            Box::pin(async {
                let zone = Zone::new(cloud).await;
                let upsert = (ChangeAction::Upsert, WWW.1, WWW.2, "192.0.2.2");
                vec![
                    zone.ask(&[WWW]).await,
                    zone.ask(&[WWW]).await,
                    zone.ask(&[upsert]).await,
                ]
            })
        },
    },
    Rule {
        name: "a record is deleted only as it stands",
        source: "Route 53 API Reference, Change, `DELETE`",
        expected: &["InvalidChangeBatch", "ok", "InvalidChangeBatch"],
        ask: |cloud, _| {
            Box::pin(async {
                let zone = Zone::new(cloud).await;
                zone.ask(&[WWW]).await;
                let delete = |value| (ChangeAction::Delete, WWW.1, WWW.2, value);
                vec![
                    zone.ask(&[delete("192.0.2.9")]).await,
                    zone.ask(&[delete(WWW.3)]).await,
                    zone.ask(&[delete(WWW.3)]).await,
                ]
            })
        },
    },
    Rule {
        name: "a CNAME stands alone, and never at the zone's own name",
        source: "Route 53 Developer Guide, CNAME record type",
        expected: &["InvalidChangeBatch", "InvalidChangeBatch", "ok"],
        ask: |cloud, _| {
            Box::pin(async {
                let zone = Zone::new(cloud).await;
                zone.ask(&[WWW]).await;
                let cname = |name| {
                    (
                        ChangeAction::Create,
                        name,
                        RrType::Cname,
                        "elsewhere.example",
                    )
                };
                vec![
                    zone.ask(&[cname("www.lab.shop")]).await,
                    zone.ask(&[cname("lab.shop")]).await,
                    zone.ask(&[cname("docs.lab.shop")]).await,
                ]
            })
        },
    },
    Rule {
        name: "of a batch all changes are made or none",
        source: "Route 53 API Reference, ChangeResourceRecordSets, \"Change Batches and Transactional Changes\"",
        expected: &["InvalidChangeBatch", "ok"],
        ask: |cloud, _| {
            Box::pin(async {
                let zone = Zone::new(cloud).await;
                let missing = (ChangeAction::Delete, "no.lab.shop", RrType::A, "192.0.2.1");
                vec![zone.ask(&[WWW, missing]).await, zone.ask(&[WWW]).await]
            })
        },
    },
    Rule {
        name: "a zone takes names below its own alone",
        source: "Route 53 API Reference, ResourceRecordSet, `Name`",
        expected: &["InvalidChangeBatch"],
        ask: |cloud, _| {
            Box::pin(async {
                let foreign = (
                    ChangeAction::Create,
                    "www.lab.example",
                    RrType::A,
                    "192.0.2.1",
                );
                vec![Zone::new(cloud).await.ask(&[foreign]).await]
            })
        },
    },
    Rule {
        name: "a zone with records of its own is not deleted",
        source: "Route 53 API Reference, DeleteHostedZone",
        expected: &["HostedZoneNotEmpty"],
        ask: |cloud, _| {
            Box::pin(async {
                let zone = Zone::new(cloud).await;
                zone.ask(&[WWW]).await;
                let input = DeleteHostedZoneInput::builder().id(&zone.id);
                vec![code(cloud.delete_hosted_zone(input).await)]
            })
        },
    },
];
