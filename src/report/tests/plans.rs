use insta::assert_snapshot;
use serde_json::Value;

use crate::cloud::diff;
use crate::cloud::resource::{Owner, Power, Standing};
use crate::cloud::resources::LiveResource;
use crate::cloud::resources::{Kind, LiveLab};
use crate::report::{json, text};

use super::lab::{self, BARE, FULL, edited, plain};

fn shown(plan: &str, live: &LiveLab) -> String {
    plain(&text::change_set(&lab::view(
        &lab::compare(plan, live),
        live,
    )))
}

fn document(plan: &str, live: &LiveLab) -> Value {
    json::plan(&lab::view(&lab::compare(plan, live), live), Value::Null)
}

#[test]
fn a_fresh_lab_is_shown_in_full() {
    assert_snapshot!(shown(FULL, &lab::nothing()), @r#"
    +14.14 USD a month (0.00 → 14.14) · no downtime · no data at risk · can be undone
    lab penguins in us-east-1, account 123456789012

      + key_pair
          name:       penguins
          public_key: ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAABAgME…Dg8QERITFBUWFxgZGhscHR4f
          tags:       Name=penguins, project=penguins

      + security_group
          name: penguins
          vpc:  default
          ingress:
            tcp 22 from 192.0.2.7/32 (SSH)
            tcp 443 from 0.0.0.0/0
            tcp 443 from ::/0
          tags: Name=penguins, project=penguins

      + bucket
          name:                  penguins-data
          versioning:            true
          encryption:            true
          public_access_blocked: true
          tags:                  Name=penguins, project=penguins

      + role
          name:   penguins-us-east-1
          trust:  1 statement
          policy: 2 statements
          tags:   Name=penguins, project=penguins

      + instance_profile
          name: penguins-us-east-1
          role: role (known after apply)
          tags: Name=penguins, project=penguins

      + instance
          +9.99 USD a month
          image:                    ubuntu-24.04
          instance_type:            t3.micro
          root_volume.size:         30 GiB
          root_volume.type:         gp3
          security_groups:          security_group (known after apply)
          subnet:                   default
          instance_profile:         instance_profile (known after apply)
          termination_protection:   false
          metadata.tokens_required: true
          metadata.hop_limit:       1
          tags:                     Name=penguins, project=penguins

      + elastic_ip
          +3.65 USD a month
          instance: instance (known after apply)
          tags:     Name=penguins, project=penguins

      + zone
          +0.50 USD a month
          name: penguins.example
          tags: Name=penguins, project=penguins
          then: its name servers have to be entered at the domain's registrar; apply ends with them

      + record.@.A
          zone:   zone (known after apply)
          values: elastic_ip (known after apply)
          ttl:    300 s

      + record.www.CNAME
          zone:   zone (known after apply)
          values: penguins.example
          ttl:    300 s

    plan: 10 to create, 0 to update, 0 to replace, 0 to delete

    prices of 2025-03-02, without traffic and other use
    "#);
}

#[test]
fn no_change_is_one_line() {
    assert_snapshot!(shown(FULL, &lab::live(FULL)), @r#"
    14.14 USD a month · nothing changes in AWS
    lab penguins in us-east-1, account 123456789012

    no changes: the lab is as the plan says
    "#);
}

#[test]
fn a_resize_keeps_the_elastic_ip() {
    let plan = edited(FULL, &[("t3.micro", "t3.small")]);
    assert_snapshot!(shown(&plan, &lab::live(FULL)), @r#"
    +7.59 USD a month (14.14 → 21.73) · server down about 1 min · no data at risk · can be undone
    lab penguins in us-east-1, account 123456789012

      ~ instance  i-0abc  restart: about 1 min down, address kept
          +7.59 USD a month by `instance_type` · server down about 1 min by `instance_type`
          instance_type: t3.micro → t3.small

    9 unchanged
    plan: 0 to create, 1 to update, 0 to replace, 0 to delete; 1 restart

    prices of 2025-03-02, without traffic and other use
    "#);
}

#[test]
fn a_resize_without_an_elastic_ip_changes_the_address() {
    let plan = edited(BARE, &[("t3.micro", "t3.small")]);
    assert_snapshot!(shown(&plan, &lab::live(BARE)), @r#"
    +7.59 USD a month (13.64 → 21.23) · server down about 1 min · no data at risk · cannot be undone: instance.instance_type
    lab penguins in us-east-1, account 123456789012

      ~ instance  i-0abc  restart: about 1 min down, its public address changes
          +7.59 USD a month by `instance_type` · server down about 1 min by `instance_type` · cannot be undone by `instance_type`
          instance_type: t3.micro → t3.small

    2 unchanged
    plan: 0 to create, 1 to update, 0 to replace, 0 to delete; 1 restart

    prices of 2025-03-02, without traffic and other use
    "#);
}

#[test]
fn a_stopped_server_stays_stopped() {
    let mut live = lab::live(BARE);
    lab::of(&mut live, Kind::Instance).observed.power = Some(Power::Stopped);
    let plan = edited(BARE, &[("t3.micro", "t3.small")]);
    assert_snapshot!(shown(&plan, &live), @r#"
    2.40 USD a month as before · no downtime · no data at risk · can be undone
    lab penguins in us-east-1, account 123456789012

      ~ instance  i-0abc  the server is stopped and stays so
          instance_type: t3.micro → t3.small

    2 unchanged
    plan: 0 to create, 1 to update, 0 to replace, 0 to delete

    prices of 2025-03-02, without traffic and other use
    "#);
}

#[test]
fn changed_rules_policies_and_tags_are_shown_piece_by_piece() {
    let plan = edited(
        FULL,
        &[
            ("192.0.2.7/32", "198.51.100.0/24"),
            ("read-write", "read"),
            ("project: penguins", "project: seals"),
            (
                "type: CNAME, value: '@'",
                "type: CNAME, value: pages.example, ttl: 60",
            ),
        ],
    );
    let live = lab::live(FULL);
    assert_snapshot!(shown(&plan, &live), @r#"
    14.14 USD a month as before · no downtime · no data at risk · can be undone
    lab penguins in us-east-1, account 123456789012

      ~ key_pair  key-0abc
          tags.project: penguins → seals

      ~ security_group  sg-0abc
          ingress:
            - tcp 22 from 192.0.2.7/32 (SSH)
            + tcp 22 from 198.51.100.0/24 (SSH)
              2 unchanged
          tags.project: penguins → seals

      ~ bucket  penguins-data
          tags.project: penguins → seals

      ~ role  penguins-role
          policy:
              …
                  {
            -       "Action": [
            -         "s3:DeleteObject",
            -         "s3:GetObject",
            -         "s3:PutObject"
            -       ],
            +       "Action": "s3:GetObject",
                    "Condition": {
              …
          tags.project: penguins → seals

      ~ instance_profile  penguins-instance_profile
          tags.project: penguins → seals

      ~ instance  i-0abc
          tags.project: penguins → seals

      ~ elastic_ip  eipalloc-0abc
          tags.project: penguins → seals

      ~ zone  Z0ABC
          tags.project: penguins → seals

      ~ record.www.CNAME  Z0ABC/record.www.CNAME
          ttl:    300 s → 60 s
          values: penguins.example → pages.example

    1 unchanged
    plan: 0 to create, 9 to update, 0 to replace, 0 to delete

    prices of 2025-03-02, without traffic and other use
    "#);
}

#[test]
fn a_replacement_says_what_forces_it_and_what_is_lost() {
    let plan = edited(FULL, &[("ubuntu-24.04", "ubuntu-22.04")]);
    assert_snapshot!(shown(&plan, &lab::live(FULL)), @r#"
    14.14 USD a month as before · server down until a new one is set up · data at risk: instance · cannot be undone: instance.image
    lab penguins in us-east-1, account 123456789012

    -/+ instance  i-0abc  replace: the server and its disk are made anew, the data on it is lost
          server down until a new one is set up by `image` · cannot be undone by `image`
          image: ubuntu-24.04 → ubuntu-22.04 (forces replacement)

      ~ elastic_ip  eipalloc-0abc
          instance: instance → instance (known after apply)

    what needs a word from you
      instance: the server and its disk, with the data on it would be lost; `image` forces it
      → take the field back, or allow it by `labctl apply --replace instance`

    8 unchanged
    plan: 0 to create, 1 to update, 1 to replace, 0 to delete

    prices of 2025-03-02, without traffic and other use
    "#);
}

#[test]
fn what_is_in_the_way_is_shown_with_the_ways_out() {
    let mut live = lab::live(FULL);
    for kind in [Kind::Bucket, Kind::KeyPair, Kind::Record] {
        lab::of(&mut live, kind).owner = Owner::Other;
    }
    let zone = lab::of(&mut live, Kind::Zone);
    zone.owner = Owner::Other;
    let other = LiveResource {
        id: "Z0XYZ".to_owned(),
        ..zone.clone()
    };
    live.resources.push(other);
    assert_snapshot!(shown(FULL, &live), @r#"
    cannot be applied · 13.64 USD a month
    lab penguins in us-east-1, account 123456789012

      ! key_pair  in the way
          a key pair `penguins` is there already and is not this lab's
          → take it into the lab by `labctl adopt key_pair key-0abc`
          → or write another name in the plan's `lab`

      ! bucket  in the way
          a bucket `penguins-data` is there already and is not this lab's
          → take it into the lab by `labctl adopt bucket penguins-data`
          → or write another name in the plan's `bucket.name`

      ! zone  in the way
          there are 2 hosted zones of the name `penguins.example`, and labctl cannot tell which is meant: Z0ABC, Z0XYZ
          → name the one to use by `labctl adopt zone ID`

      ! record.@.A  in the way
          a record is there already and is not this lab's: `Z0ABC/record.@.A`
          → take it into the lab by `labctl adopt record.@.A Z0ABC/record.@.A`
          → or take the record out of the plan's `dns.records`

    6 unchanged
    plan: 0 to create, 0 to update, 0 to replace, 0 to delete, 4 in the way
    nothing can be applied while something is in the way
    "#);
}

#[test]
fn what_left_the_plan_and_holds_data_is_kept() {
    let mut live = lab::live(FULL);
    let bucket = lab::of(&mut live, Kind::Bucket);
    bucket.standing = Standing::Stale;
    bucket.id = "old-data".to_owned();
    let instance = lab::of(&mut live, Kind::Instance).clone();
    live.resources.push(LiveResource {
        id: "i-0xyz".to_owned(),
        standing: Standing::Duplicate,
        ..instance
    });
    let address = lab::of(&mut live, Kind::ElasticIp).clone();
    let id = "eipalloc-0xyz".to_owned();
    live.resources.push(LiveResource {
        id,
        standing: Standing::Duplicate,
        ..address
    });
    let (plan, _) = FULL.split_once("dns:").unwrap();
    assert_snapshot!(shown(plan, &live), @r#"
    −3.65 USD a month (31.43 → 27.78) · no downtime · no data at risk · can be undone
    lab penguins in us-east-1, account 123456789012

      ~ key_pair  key-0abc
          tags: labctl's own are put right

      + bucket
          name:                  penguins-data
          versioning:            true
          encryption:            true
          public_access_blocked: true
          tags:                  Name=penguins, project=penguins

      = bucket  old-data  kept
          `penguins-data` is not in the plan any more, and stays because it holds data
          → delete it by hand, or with the whole lab by `labctl destroy --empty-bucket`

      = instance  i-0xyz  kept
          a second one, left behind by an interrupted run, and may hold data
          → once nothing on it is needed: `aws ec2 terminate-instances --instance-ids i-0xyz`

      - elastic_ip  eipalloc-0xyz  a second one, left behind by an interrupted run
          −3.65 USD a month

      = zone  Z0ABC  kept
          `penguins.example` stays: a new zone would get other name servers
          → `labctl destroy --delete-zone` deletes it

      - record.@.A  Z0ABC/record.@.A

      - record.www.CNAME  Z0ABC/record.www.CNAME

    5 unchanged
    plan: 1 to create, 1 to update, 0 to replace, 3 to delete, 3 kept

    prices of 2025-03-02, without traffic and other use
    "#);
}

#[test]
fn a_destroy_lists_what_goes_and_what_is_kept() {
    let live = lab::live(FULL);
    let set = diff::destroy(&live.resources, false);
    assert_snapshot!(plain(&text::destroy(&lab::view(&set, &live))), @r#"
    −13.64 USD a month (14.14 → 0.50) · server gone · data at risk: bucket, instance · cannot be undone: security_group, bucket, instance, elastic_ip
    destroy lab penguins in us-east-1, account 123456789012

      - key_pair  key-0abc
      - security_group  sg-0abc
      - bucket  penguins-data  the bucket, with what is in it
      - role  penguins-role
      - instance_profile  penguins-instance_profile
      - instance  i-0abc  the server and its disk, with the data on it
      - elastic_ip  eipalloc-0abc  the address is given back
      - record.@.A  Z0ABC/record.@.A
      - record.www.CNAME  Z0ABC/record.www.CNAME

      = zone  Z0ABC  kept
          `penguins.example` stays: a new zone would get other name servers
          → `labctl destroy --delete-zone` deletes it

    destroy: 9 to delete, 1 kept
    "#);
    let live = lab::nothing();
    let set = diff::destroy(&live.resources, false);
    assert_snapshot!(plain(&text::destroy(&lab::view(&set, &live))), @r#"
    0.00 USD a month · nothing changes in AWS
    destroy lab penguins in us-east-1, account 123456789012

    nothing to delete: nothing of this lab is left
    "#);
}

#[test]
fn notes_stand_below() {
    let live = lab::live(BARE);
    let set = lab::compare(BARE, &live);
    let notes = ["a newer image of `ubuntu-24.04` is out\u{1b}[2J".to_owned()];
    let view = crate::report::PlanView {
        notes: &notes,
        ..lab::view(&set, &live)
    };
    assert_snapshot!(plain(&text::change_set(&view)), @r#"
    13.64 USD a month · nothing changes in AWS
    lab penguins in us-east-1, account 123456789012

    no changes: the lab is as the plan says

    note: a newer image of `ubuntu-24.04` is out\u{1b}[2J
    "#);
}

#[test]
fn bucket_of_another_account_is_not_offered_for_adoption() {
    for (owner, why) in [
        (
            Owner::OtherAccount,
            "bucket `penguins-data` belongs to another account",
        ),
        (
            Owner::OutOfReach,
            "bucket `penguins-data` is there already and out of reach: it is in another account or \
             region, or these credentials may not read it",
        ),
    ] {
        let mut live = lab::live(FULL);
        lab::of(&mut live, Kind::Bucket).owner = owner;
        let text = shown(FULL, &live);
        let help = "write another name in the plan's `bucket.name`";
        assert!(text.contains(why) && text.contains(help), "{text}");
        assert!(!text.contains("adopt"), "{text}");
        let document = document(FULL, &live);
        let mut changes = document["changes"].as_array().unwrap().iter();
        let bucket = changes.find(|one| one["address"] == "bucket").unwrap();
        assert_eq!(bucket["reason"], format!("{why}; {help}"));
    }
}

#[test]
fn a_record_of_another_form_is_not_offered_for_adoption() {
    let form = Owner::OtherForm("an alias of `lb.example.org`".to_owned());
    let mut live = lab::live(FULL);
    lab::of(&mut live, Kind::Record).owner = form;
    let text = shown(FULL, &live);
    assert!(
        text.contains("it is an alias of `lb.example.org`"),
        "{text}"
    );
    assert!(!text.contains("adopt"), "{text}");
}

#[test]
fn the_document_has_every_resource() {
    let mut live = lab::live(BARE);
    lab::of(&mut live, Kind::KeyPair).owner = Owner::Other;
    let plan = edited(BARE, &[("t3.micro", "t3.small")]);
    assert_snapshot!(format!("{:#}", document(&plan, &live)), @r#"
    {
      "format": 1,
      "lab": "penguins",
      "region": "us-east-1",
      "account": "123456789012",
      "changes": [
        {
          "address": "key_pair",
          "kind": "key_pair",
          "action": "conflict",
          "impact": "none",
          "fields": [],
          "id": null,
          "reason": "a key pair `penguins` is there already and is not this lab's; take it into the lab by `labctl adopt key_pair key-0abc`; or write another name in the plan's `lab`",
          "ids": [
            "key-0abc"
          ],
          "cost": {
            "before": 0.0,
            "after": 0.0
          },
          "downtime_s": 0,
          "data": "kept",
          "reversible": true,
          "forced_by": {
            "cost": [],
            "downtime": [],
            "irreversible": []
          }
        },
        {
          "address": "security_group",
          "kind": "security_group",
          "action": "none",
          "impact": "none",
          "fields": [],
          "id": "sg-0abc",
          "cost": {
            "before": 0.0,
            "after": 0.0
          },
          "downtime_s": 0,
          "data": "kept",
          "reversible": true,
          "forced_by": {
            "cost": [],
            "downtime": [],
            "irreversible": []
          }
        },
        {
          "address": "instance",
          "kind": "instance",
          "action": "update",
          "impact": "restart",
          "fields": [
            {
              "path": "instance_type",
              "before": "t3.micro",
              "after": "t3.small"
            }
          ],
          "id": "i-0abc",
          "cost": {
            "before": 13.64,
            "after": 21.23
          },
          "downtime_s": 60,
          "data": "kept",
          "reversible": false,
          "forced_by": {
            "cost": [
              "instance_type"
            ],
            "downtime": [
              "instance_type"
            ],
            "irreversible": [
              "instance_type"
            ]
          }
        }
      ],
      "host": null,
      "summary": {
        "create": 0,
        "update": 1,
        "replace": 0,
        "delete": 0,
        "conflict": 1,
        "restart": 1
      },
      "cost": {
        "currency": "USD",
        "before": 13.64,
        "after": 13.64,
        "unknown": [
          "instance: traffic",
          "instance: processor credits beyond the earned ones"
        ],
        "prices": "2025-03-02"
      },
      "verdict": {
        "downtime_s": 0,
        "data_at_risk": [],
        "reversible": true,
        "refused": true
      }
    }
    "#);
}

#[test]
fn the_document_of_a_new_resource_has_its_fields() {
    let document = document(BARE, &lab::nothing());
    assert_snapshot!(document["changes"][0].to_string(), @r#"{"address":"key_pair","kind":"key_pair","action":"create","impact":"none","fields":[{"path":"name","before":null,"after":"penguins"},{"path":"public_key","before":null,"after":"ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAABAgMEBQYHCAkKCwwNDg8QERITFBUWFxgZGhscHR4f"},{"path":"tags.Name","before":null,"after":"penguins"},{"path":"tags.labctl:lab","before":null,"after":"penguins"},{"path":"tags.labctl:region","before":null,"after":"us-east-1"},{"path":"tags.labctl:resource","before":null,"after":"key_pair"}],"id":null,"cost":{"before":0.0,"after":0.0},"downtime_s":0,"data":"kept","reversible":true,"forced_by":{"cost":[],"downtime":[],"irreversible":[]}}"#);
    assert_snapshot!(document["summary"].to_string(), @r#"{"create":3,"update":0,"replace":0,"delete":0,"conflict":0,"restart":0}"#);
}
