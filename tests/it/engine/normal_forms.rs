//! Whatever a plan says, applied it is in the cloud as it says, and read back it is no difference.

use labctl::plan;
use proptest::prelude::*;
use proptest::sample::{select, subsequence};

use super::harness::{ALL, Lab, pass, slow};

const TYPES: [&str; 7] = [
    "t2.micro",
    "t3.micro",
    "t3.small",
    "t4g.micro",
    "t4g.small",
    "m7g.large",
    "m5.large",
];
const RELEASES: [&str; 3] = ["ubuntu-22.04", "ubuntu-24.04", "ubuntu-26.04"];

fn instance() -> impl Strategy<Value = String> {
    (
        select(&TYPES[..]),
        select(&RELEASES[..]),
        8..200,
        select(&["gp2", "gp3"][..]),
    )
        .prop_map(|(name, image, size, disk)| {
            format!(
                "instance: {{ image: {image}, instance_type: {name}, key_pair: key.pub, \
                 root_volume: {{ size: {size} GiB, type: {disk} }} }}\n"
            )
        })
}

/// Sources, some of them in spellings that AWS does not give back.
const SOURCES: [&str; 9] = [
    "my-ip",
    "anywhere",
    "198.51.100.0/24",
    "203.0.113.7",
    "10.0.0.0/8",
    "\"2001:DB8:0:0::/32\"",
    "\"2001:db8:42::/48\"",
    "\"::1\"",
    "192.168.1.254/31",
];

fn rules() -> impl Strategy<Value = String> {
    let sources = subsequence(&SOURCES[..], 1..=SOURCES.len());
    let description = select(&["", ", description: SSH", ", description: \"a: b, (c) [d]\""][..]);
    let rule = (sources, description);
    proptest::collection::vec(rule, 0..4).prop_map(|rules| {
        if rules.is_empty() {
            return String::new();
        }
        let rules = rules
            .iter()
            .zip([22, 80, 443, 8080])
            .map(|((sources, description), port)| {
                format!(
                    "    - {{ port: {port}, from: [{}]{description} }}\n",
                    sources.join(", ")
                )
            });
        format!("security_group:\n  ingress:\n{}", rules.collect::<String>())
    })
}

fn bucket() -> impl Strategy<Value = String> {
    let access = select(&["none", "read", "read-write"][..]);
    let github = select(&["none", "read", "read-write"][..]);
    (any::<bool>(), any::<bool>(), access, github).prop_map(|(is_wanted, versioning, access, github)| {
        if !is_wanted {
            return String::new();
        }
        let github = match github {
            "none" => String::new(),
            access => format!("github_actions: {{ repository: Me/Lab.x, branch: a/b, access: {access} }}\n"),
        };
        format!("bucket: {{ name: a-bucket, versioning: {versioning}, instance_access: {access} }}\n{github}")
    })
}

/// Records, in spellings that Route 53 gives back otherwise.
const RECORDS: [&str; 12] = [
    r#"{ name: "@", type: A, value: elastic-ip }"#,
    r#"{ name: "*", type: A, value: elastic-ip, ttl: 0 }"#,
    r#"{ name: "*.deep", type: CNAME, value: "@" }"#,
    r#"{ name: www, type: CNAME, value: Example.ORG. }"#,
    r#"{ name: two, type: A, value: [192.0.2.1, elastic-ip] }"#,
    r#"{ name: six, type: AAAA, value: ["2001:DB8:0:0:0:0:0:7", "2001:db8::8"] }"#,
    r#"{ name: "@", type: MX, value: [10 mail, 20 Mail.Example.Org], ttl: 2147483647 }"#,
    r#"{ name: "@", type: TXT, value: [v=spf1 mx -all, 'say "hi" \ and ; so'] }"#,
    r#"{ name: _dmarc, type: TXT, value: v=DMARC1; p=none }"#,
    r#"{ name: a.b.c, type: A, value: 192.0.2.1 }"#,
    r#"{ name: two, type: AAAA, value: "::1" }"#,
    r#"{ name: mail, type: TXT, value: 0123456789012345678901234567890123456789012345678901234567890123456789012345678901234567890123456789012345678901234567890123456789012345678901234567890123456789012345678901234567890123456789012345678901234567890123456789012345678901234567890123456789012345678901234567890123456789 }"#,
];

fn dns() -> impl Strategy<Value = String> {
    (any::<bool>(), subsequence(&RECORDS[..], 0..=RECORDS.len())).prop_map(
        |(is_wanted, records)| {
            if !is_wanted {
                return String::new();
            }
            let records: String = records
                .iter()
                .map(|record| format!("\n    - {record}"))
                .collect();
            match records.as_str() {
                "" => "dns: { zone: lab.example }\n".to_owned(),
                records => format!("dns:\n  zone: Lab.Example\n  records:{records}\n"),
            }
        },
    )
}

fn plans() -> impl Strategy<Value = String> {
    let head = (
        select(&["us-east-1", "eu-central-1"][..]),
        select(&["default", "dedicated"][..]),
        select(
            &[
                "{}",
                "{ a: b }",
                "{ project: \"pen guins\", x/y: \"=+-@\" }",
            ][..],
        ),
        any::<bool>(),
    );
    (head, instance(), rules(), bucket(), dns(), any::<bool>()).prop_map(
        |((region, network, tags, protect), instance, rules, bucket, dns, has_address)| {
            let has_address = has_address || dns.contains("elastic-ip");
            format!(
                "lab: any\nregion: {region}\nnetwork: {network}\ntags: {tags}\nprotect: {protect}\n\
                 {instance}elastic_ip: {has_address}\n{rules}{bucket}{dns}"
            )
        },
    )
}

fn with_runtime<T>(work: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .start_paused(true)
        .build();
    runtime.unwrap().block_on(work)
}

fn config(cases: u32) -> ProptestConfig {
    ProptestConfig {
        cases,
        failure_persistence: None,
        ..ProptestConfig::default()
    }
}

/// Why a plan is refused.
fn objections(text: &str) -> Option<String> {
    plan::parse("lab.yaml", text)
        .err()
        .map(|problems| format!("{problems}\n{text}"))
}

#[test]
fn what_was_applied_is_no_difference() {
    proptest!(config(400), |(text in plans())| {
        prop_assert_eq!(objections(&text), None);
        with_runtime(async {
            let lab = Lab::new(&text);
            lab.apply().await;
            lab.check_nothing_to_do().await;
            lab.destroy(ALL).await;
            lab.check_nothing_left();
        });
    });
}

#[test]
fn any_plan_becomes_any_other() {
    proptest!(config(300), |(first in plans(), second in plans(), is_slow in any::<bool>())| {
        // A disk never shrinks, a lab never moves, and a bucket or zone that leaves the plan is kept.
        let size = |text: &str| text.split("size: ").nth(1).unwrap().split(' ').next().unwrap().to_owned();
        let (old, new) = (size(&first), size(&second));
        let second = match new.parse::<u32>().unwrap() < old.parse::<u32>().unwrap() {
            true => second.replace(&format!("size: {new} GiB"), &format!("size: {old} GiB")),
            false => second,
        };
        let second = second.replace("eu-central-1", "us-east-1");
        let first = first.replace("eu-central-1", "us-east-1");
        with_runtime(async {
            let options = if is_slow { slow() } else { Default::default() };
            let mut lab = Lab::with(options, &first);
            lab.apply().await;
            pass(10).await;
            lab.text = second;
            let planned = lab.plan().await;
            if !planned.set.refusals.is_empty() {
                // Another architecture needs another server.
                return;
            }
            lab.apply().await;
            pass(10).await;
            let mut left = lab.actions().await;
            left.retain(|action| !action.starts_with("kept "));
            assert_eq!(left, Vec::<String>::new(), "from\n{first}\nto\n{}", lab.text);
            lab.destroy(ALL).await;
        });
    });
}
