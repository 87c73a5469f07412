//! What AWS refuses, and what takes its time: said before anything is written, or waited for.

use std::time::Duration;

use labctl::cloud::api::Call;
use labctl::cloud::api::CallError;
use labctl::cloud::diff::{Change, Refusal};

use crate::memory_cloud::faulty::{Fault, Faulty};
use crate::memory_cloud::{Memory, Options};

use super::foreign;
use super::harness::{ACCOUNT, ALL, Lab, OTHER_KEY, SMALL, WHOLE, complaints, laptop, sole_error};
use super::inspection::{new_items, server, sole};

async fn sole_refusal(lab: &Lab) -> Refusal {
    let planned = lab.plan().await;
    assert_eq!(planned.set.refusals.len(), 1, "{:?}", planned.set.refusals);
    planned.set.refusals[0].clone()
}

#[tokio::test(start_paused = true)]
async fn an_account_without_a_default_network_is_told_of_dedicated_ones() {
    let options = Options {
        default_vpc: false,
        ..Options::default()
    };
    let mut lab = Lab::with(options, &format!("{SMALL}network: default\n"));
    let refusal = sole_refusal(&lab).await;
    assert_eq!(refusal.path, "network");
    assert!(refusal.help.contains("network: dedicated"), "{refusal:?}");
    lab.edit("network: default", "network: dedicated");
    lab.apply().await;
    lab.check_exactly_the_lab();
}

#[tokio::test(start_paused = true)]
async fn types_that_cannot_be_are_refused_before_anything_is_made() {
    let memory = Memory::new(ACCOUNT, "us-east-1");
    let (vpc, _) = foreign::network(&memory).await;
    let snapshot = memory.snapshot();
    let mut subnets = snapshot.of("subnet").into_iter();
    let in_b = subnets
        .find(|subnet| subnet.attributes["zone"] == "us-east-1b")
        .unwrap();
    let arm = foreign::image(&memory, "noble-24.04-arm64").await;
    let default_vpc = &in_b.attributes["vpc"];
    let network = format!("network: {{ vpc: {default_vpc}, subnet: {} }}\n", in_b.id);
    let cases = [
        (
            "t3.micro",
            "z9.large".to_owned(),
            "instance.instance_type",
            "no instance type `z9.large`",
        ),
        ("ubuntu-24.04", arm, "instance.image", "arm64"),
        (
            "ubuntu-24.04",
            "ami-0123456789abcdef0".to_owned(),
            "instance.image",
            "no image",
        ),
    ];
    for (from, to, path, words) in cases {
        let lab = Lab::on(memory.clone(), &SMALL.replace(from, &to));
        let refusal = sole_refusal(&lab).await;
        assert_eq!(refusal.path, path);
        assert!(refusal.summary.contains(words), "{refusal:?}");
    }
    // m5.large is sold in the first zone only.
    let text = format!("{}{network}", SMALL.replace("t3.micro", "m5.large"));
    let refusal = sole_refusal(&Lab::on(memory.clone(), &text)).await;
    assert!(
        refusal
            .summary
            .contains("does not sell `m5.large` in us-east-1b"),
        "{refusal:?}"
    );
    assert!(refusal.help.contains("us-east-1a"), "{refusal:?}");
    let text = format!("{SMALL}network: {{ vpc: {vpc}, subnet: subnet-0123456789abcdef0 }}\n");
    let refusal = sole_refusal(&Lab::on(memory.clone(), &text)).await;
    assert_eq!(refusal.path, "network.subnet");
    // Where the subnet is free to choose, one in a zone that has the type is chosen.
    let lab = Lab::on(memory, &SMALL.replace("t3.micro", "m5.large"));
    lab.apply().await;
    lab.check_exactly_the_lab();
}

/// A network that does not fit would be refused by the second or third call of an apply.
#[tokio::test(start_paused = true)]
async fn networks_that_do_not_fit_are_refused_before_anything_is_made() {
    let memory = Memory::new(ACCOUNT, "us-east-1");
    let (vpc, _) = foreign::network(&memory).await;
    let snapshot = memory.snapshot();
    let subnets = snapshot.of("subnet");
    let theirs = subnets
        .iter()
        .find(|subnet| subnet.attributes["vpc"] != vpc)
        .unwrap();
    let at = |vpc: &str| format!("{SMALL}network: {{ vpc: {vpc}, subnet: {} }}\n", theirs.id);
    for wrong in [vpc.as_str(), "vpc-0123456789abcdef0"] {
        let refusal = sole_refusal(&Lab::on(memory.clone(), &at(wrong))).await;
        assert_eq!(refusal.path, "network.vpc");
        assert!(
            refusal.help.contains(&theirs.attributes["vpc"]),
            "{refusal:?}"
        );
    }
    // Beside a server that is there already, only the group would be made anew.
    let lab = Lab::on(memory.clone(), &at(&theirs.attributes["vpc"]));
    lab.apply().await;
    let moved = Lab::on(memory, &at(&vpc));
    assert_eq!(sole_refusal(&moved).await.path, "network.vpc");
}

/// A group holds 60 rules of each family: when all of them change, the old go first.
#[tokio::test(start_paused = true)]
async fn a_full_groups_rules_are_exchanged() {
    let plan = |third: u8| {
        let ranges: Vec<String> = (0..59)
            .map(|last| format!("10.0.{third}.{last}/32"))
            .collect();
        let rule = format!("- {{ port: 443, from: [{}] }}\n", ranges.join(", "));
        format!("{SMALL}    {rule}")
    };
    let mut lab = Lab::new(&plan(0));
    lab.apply().await;
    lab.text = plan(1);
    lab.apply().await;
    lab.check_exactly_the_lab();
}

/// A plan of so many records takes several batches, and a run that ends after the first leaves what the next goes on
/// with; also where CNAMEs become addresses, and addresses CNAMEs.
#[tokio::test(start_paused = true)]
async fn zones_take_hundreds_of_records() {
    let plan = |types: [&str; 2]| {
        let record = |index: usize| match types[index % 2] {
            "A" => format!(
                "    - {{ name: h{index}, type: A, value: [10.0.0.1, 10.0.0.2, 10.0.0.3] }}\n"
            ),
            _ => format!("    - {{ name: h{index}, type: CNAME, value: example.org }}\n"),
        };
        let records: String = (0..240).map(record).collect();
        let text = |index: usize| format!("{index}{}", "x".repeat(200));
        let texts: Vec<String> = (0..60).map(text).collect();
        let long = (0..4).map(|index| {
            format!(
                "    - {{ name: t{index}, type: TXT, value: [{}] }}\n",
                texts.join(", ")
            )
        });
        WHOLE.replace(
            "github_actions",
            &format!("{records}{}github_actions", long.collect::<String>()),
        )
    };
    let mut lab = Lab::new(&plan(["A", "CNAME"]));
    let zone = |lab: &Lab| super::inspection::records(&lab.memory, "penguins.shop");
    for types in [["A", "CNAME"], ["CNAME", "A"]] {
        lab.text = plan(types);
        let sent = std::cell::Cell::new(0);
        let cloud = Faulty::new(lab.memory.clone(), |call: Call| {
            if call.operation != "ChangeResourceRecordSets" {
                return Fault::Pass;
            }
            sent.set(sent.get() + 1);
            match sent.get() {
                1 => Fault::Pass,
                _ => Fault::Fail(CallError::service(call, 403, "AccessDenied", "no")),
            }
        });
        let before = zone(&lab);
        let outcome = lab.apply_through(&cloud).await.unwrap();
        assert!(sole_error(&outcome).contains("AccessDenied"));
        assert!(sent.get() > 1);
        assert_ne!(zone(&lab), before, "the first batch was made");
        lab.apply().await;
        lab.check_exactly_the_lab();
    }
    lab.destroy(ALL).await;
    lab.check_nothing_left();
}

/// A zone may have no server of a type left: another is tried, and the plan can say which. A zone is never exchanged for
/// another by itself.
#[tokio::test(start_paused = true)]
async fn servers_are_made_in_a_zone_that_has_the_type() {
    let zone_of = |lab: &Lab| {
        let subnet = server(lab).attributes["subnet"].clone();
        let snapshot = lab.memory.snapshot();
        let subnets = snapshot.of("subnet").into_iter();
        let mut subnets = subnets.filter(|one| one.id == subnet);
        subnets.next().unwrap().attributes["zone"].clone()
    };
    let said = |zone: &str| {
        SMALL.replace(
            "key.pub }",
            &format!("key.pub, availability_zone: {zone} }}"),
        )
    };
    let mut lab = Lab::new(SMALL);
    lab.memory.lack_capacity("t3.micro in us-east-1a");
    lab.apply().await;
    assert_eq!(zone_of(&lab), "us-east-1b");
    lab.memory.restore_capacity("t3.micro in us-east-1a");
    lab.check_nothing_to_do().await;
    lab.text = said("us-east-1b");
    lab.check_nothing_to_do().await;
    lab.text = said("us-east-1a");
    let planned = lab.plan().await;
    assert!(planned.set.changes.iter().any(Change::loses_data));
    // What the plan says is kept to.
    let lab = Lab::new(&said("us-east-1a"));
    lab.memory.lack_capacity("t3.micro in us-east-1a");
    let error = sole_error(&lab.try_apply().await);
    assert!(error.contains("InsufficientInstanceCapacity"), "{error}");
    let lab = Lab::new(&said("us-east-1z"));
    let refusal = sole_refusal(&lab).await;
    assert_eq!(refusal.path, "instance.availability_zone");
    assert!(refusal.help.contains("us-east-1b"), "{refusal:?}");
    // A network of the lab's own moves to the zone that the plan says, while no server is in it.
    let mut lab = Lab::new(WHOLE);
    lab.memory.lack_capacity("t3.micro in us-east-1a");
    assert!(sole_error(&lab.try_apply().await).contains("InsufficientInstanceCapacity"));
    lab.edit(
        "key_pair: key.pub",
        "key_pair: key.pub\n  availability_zone: us-east-1b",
    );
    lab.apply().await;
    assert_eq!(zone_of(&lab), "us-east-1b");
    lab.check_exactly_the_lab();
}

/// Said before it is done: whom a new `my-ip` shuts out, and that a running server does not get another key.
#[tokio::test(start_paused = true)]
async fn changes_that_concern_others_are_remarked_on() {
    let mut lab = Lab::new(SMALL);
    lab.apply().await;
    assert_eq!(lab.plan().await.notes, [""; 0]);
    lab.laptop = laptop(OTHER_KEY);
    lab.laptop.my_ip = Some("198.51.100.7".parse().unwrap());
    let notes = lab.plan().await.notes;
    assert_eq!(notes.len(), 2, "{notes:?}");
    assert!(
        notes
            .iter()
            .any(|note| note.contains("authorized_keys") && note.contains("key.pub")),
        "{notes:?}"
    );
    assert!(
        notes
            .iter()
            .any(|note| note.contains("tcp 22 from 203.0.113.9/32 (SSH)")),
        "{notes:?}"
    );
    lab.edit("from: [my-ip]", "from: [my-ip, 203.0.113.9]");
    assert_eq!(lab.plan().await.notes.len(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_port_may_have_several_rules_and_a_zone_say_who_issues() {
    let rules = "    - { port: 443, from: [203.0.113.9, 198.51.100.0/24], description: office }\n    - { port: 443, from: [my-ip], description: home }\n";
    let issuer =
        "    - { name: \"@\", type: CAA, value: [0 issue letsencrypt.org, 128 issuewild \";\"] }\n";
    let text = WHOLE.replace("    - { port: 443, from: [anywhere] }\n", rules);
    let lab = Lab::new(&text.replace("github_actions", &format!("{issuer}github_actions")));
    lab.apply().await;
    lab.check_nothing_to_do().await;
    // The laptop's own address is one of those that are named.
    let snapshot = lab.memory.snapshot();
    let mut groups = snapshot.of("security-group").into_iter();
    let group = groups.find(|group| group.name == "penguins").unwrap();
    let ingress = &group.attributes["ingress"];
    assert_eq!(ingress.matches("from port: 443").count(), 2, "{ingress}");
    let records = format!(
        "{:?}",
        super::inspection::records(&lab.memory, "penguins.shop")
    );
    assert!(records.contains("letsencrypt.org"), "{records}");
}

#[tokio::test(start_paused = true)]
async fn a_zone_of_before_is_deleted_after_its_records() {
    let mut lab = Lab::new(WHOLE);
    lab.apply().await;
    lab.remove_section("dns");
    lab.destroy(ALL).await;
    lab.check_nothing_left();
}

#[tokio::test(start_paused = true)]
async fn a_zone_of_a_long_name_is_made_and_known_again() {
    let name = format!("{}.{}.shop", "a".repeat(60), "b".repeat(60));
    let lab = Lab::new(&WHOLE.replace("penguins.shop", &name));
    lab.apply().await;
    lab.check_exactly_the_lab();
    lab.destroy(ALL).await;
    lab.check_nothing_left();
}

#[tokio::test(start_paused = true)]
async fn resizes_that_cannot_be_are_refused_while_the_server_runs() {
    let network =
        |subnet: &str, vpc: &str| format!("{SMALL}network: {{ vpc: {vpc}, subnet: {subnet} }}\n");
    let memory = Memory::new(ACCOUNT, "us-east-1");
    let snapshot = memory.snapshot();
    let mut subnets = snapshot.of("subnet").into_iter();
    let in_b = subnets
        .find(|subnet| subnet.attributes["zone"] == "us-east-1b")
        .unwrap();
    let text = network(&in_b.id, &in_b.attributes["vpc"]);
    let cases = [
        ("t4g.micro", "the disk of the server is for x86_64"),
        ("m5.large", "does not sell `m5.large` in us-east-1b"),
        ("t9.micro", "no instance type `t9.micro`"),
    ];
    let lab = Lab::on(memory, &text);
    lab.apply().await;
    for (name, words) in cases {
        let lab = Lab {
            text: text.replace("t3.micro", name),
            memory: lab.memory.clone(),
            laptop: lab.laptop.clone(),
            before: lab.before.clone(),
        };
        let refusal = sole_refusal(&lab).await;
        assert!(refusal.summary.contains(words), "{refusal:?}");
        assert_eq!(server(&lab).state, "running");
    }
}

#[tokio::test(start_paused = true)]
async fn a_profile_that_ec2_does_not_know_yet_is_waited_for() {
    let options = Options {
        propagation: Duration::from_secs(30),
        ..Options::default()
    };
    let lab = Lab::with(options, WHOLE);
    let start = tokio::time::Instant::now();
    lab.apply().await;
    assert!(start.elapsed() >= Duration::from_secs(30));
    lab.check_exactly_the_lab();
}

#[tokio::test(start_paused = true)]
async fn a_group_that_is_in_use_names_its_user() {
    let lab = Lab::new(SMALL);
    lab.apply().await;
    let group = sole(&lab, "security-group").id;
    let other = foreign::server(&lab.memory, "t3.nano").await;
    let input =
        aws_sdk_ec2::operation::modify_instance_attribute::ModifyInstanceAttributeInput::builder()
            .instance_id(&other)
            .groups(&group);
    labctl::cloud::api::Cloud::modify_instance_attribute(&lab.memory, input)
        .await
        .unwrap();
    let outcome = lab.destroy_through(&lab.memory, ALL).await.unwrap();
    let error = sole_error(&outcome);
    assert!(error.contains(&other) && error.contains(&group), "{error}");
    lab.memory.terminate_behind_our_back(&other);
    lab.destroy(ALL).await;
    lab.check_nothing_left();
}

#[tokio::test(start_paused = true)]
async fn a_disk_that_was_changed_too_often_says_when_it_can_be_again() {
    let mut lab = Lab::new(&SMALL.replace("key.pub }", "key.pub, root_volume: { size: 20 GiB } }"));
    lab.apply().await;
    for size in [30, 40, 50, 60] {
        let start = lab.text.find("size: ").unwrap();
        let end = start + lab.text[start..].find(" GiB").unwrap();
        lab.text.replace_range(start..end, &format!("size: {size}"));
        lab.apply().await;
    }
    lab.edit("60 GiB", "70 GiB");
    let error = sole_error(&lab.try_apply().await);
    assert!(
        error.contains("four changes of a volume in 24 hours"),
        "{error}"
    );
    super::harness::pass(24 * 3600).await;
    lab.apply().await;
    lab.check_exactly_the_lab();
}

#[tokio::test(start_paused = true)]
async fn quotas_stop_what_needs_them_and_no_more() {
    let cases = [
        (
            Options {
                addresses: 0,
                ..Options::default()
            },
            "AddressLimitExceeded",
        ),
        (
            Options {
                vcpus: 1,
                ..Options::default()
            },
            "VcpuLimitExceeded",
        ),
        (
            Options {
                vpcs: 1,
                ..Options::default()
            },
            "VpcLimitExceeded",
        ),
        (
            Options {
                free_plan: true,
                ..Options::default()
            },
            "InvalidParameterCombination",
        ),
    ];
    for (options, code) in cases {
        let is_network = code == "VpcLimitExceeded";
        let lab = Lab::with(options, &WHOLE.replace("t3.micro", "t3.medium"));
        let outcome = lab.try_apply().await;
        let failed: Vec<_> = outcome
            .failed
            .iter()
            .map(|(_, error)| error.code())
            .collect();
        assert!(failed.contains(&code), "{:?}", complaints(&outcome));
        assert!(!outcome.skipped.is_empty() && !outcome.handles.is_empty());
        // What does not need it is there.
        let items = new_items(&lab);
        let has = |kind: &str| items.iter().any(|item| item.kind == kind);
        assert!(
            has("bucket") && has("key-pair") && has("hostedzone"),
            "{code}"
        );
        assert_eq!(has("instance"), code == "AddressLimitExceeded", "{code}");
        assert_eq!(has("vpc"), !is_network, "{code}");
        lab.destroy(ALL).await;
        lab.check_nothing_left();
    }
}

#[tokio::test(start_paused = true)]
async fn a_step_that_fails_takes_with_it_what_depends_on_it_and_nothing_else() {
    let lab = Lab::new(WHOLE);
    let cloud = Faulty::new(lab.memory.clone(), |call: Call| match call.operation {
        "RunInstances" => Fault::Fail(CallError::service(call, 403, "UnauthorizedOperation", "no")),
        _ => Fault::Pass,
    });
    let outcome = lab.apply_through(&cloud).await.unwrap();
    let error = sole_error(&outcome);
    assert!(error.contains("UnauthorizedOperation"), "{error}");
    assert_eq!(outcome.failed[0].0.name(), "instance");
    let skipped: Vec<String> = outcome
        .skipped
        .iter()
        .map(|step| format!("{} {}", step.verb(), step.name()))
        .collect();
    assert_eq!(skipped, ["attach elastic_ip"]);
    assert_eq!(
        super::inspection::records(&lab.memory, "penguins.shop").len(),
        6
    );
    lab.apply().await;
    lab.check_exactly_the_lab();
}
