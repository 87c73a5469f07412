//! What labs cost, and what changes of them mean.

use insta::assert_snapshot;

use crate::cloud::estimate::Estimate;
use crate::plan;
use crate::report::cost;

use super::lab::{FULL, edited, plain};

fn estimate(text: &str) -> Estimate {
    Estimate::of_plan(&plan::parse("lab.yaml", text).unwrap().plan)
}

/// Each was added up by hand from AWS's pages of prices for us-east-1: by the hour on demand
/// (<https://aws.amazon.com/ec2/pricing/on-demand/>), 730 hours; gp3 0.08, gp2 0.10 and magnetic 0.05 USD per GB-month
/// (<https://aws.amazon.com/ebs/pricing/>); 0.005 USD per hour for each public IPv4 address
/// (<https://aws.amazon.com/vpc/pricing/>); 0.50 USD for a hosted zone (<https://aws.amazon.com/route53/pricing/>).
#[test]
fn twelve_labs_cost_what_aws_publishes() {
    let labs = [
        // 7.592 + 2.40 + 3.65 + 0.50
        ("t3.micro 30 gp3 address zone", "14.14", "6.55"),
        // 7.592 + 2.40 + 3.65 while it runs
        ("t3.micro 30 gp3", "13.64", "2.40"),
        // 8.468 + 2.40 + 3.65 + 0.50
        ("t2.micro 30 gp3 address zone", "15.02", "6.55"),
        // 16.79 + 2.40 + 3.65 + 0.50
        ("t2.small 30 gp3 address zone", "23.34", "6.55"),
        // 30.368 + 4.00 + 3.65
        ("t3.medium 50 gp3 address", "38.02", "7.65"),
        // 60.736 + 10.00 + 3.65
        ("t3.large 100 gp2 address", "74.39", "13.65"),
        // 12.264 + 1.60 + 3.65
        ("t4g.small 20 gp3 address", "17.51", "5.25"),
        // 73.584 + 8.00 + 3.65 + 0.50
        ("m7i.large 100 gp3 address zone", "85.73", "12.15"),
        // 147.168 + 16.00 + 3.65 while it runs
        ("m7i.xlarge 200 gp3", "166.82", "16.00"),
        // 124.10 + 1.50 + 3.65
        ("c6i.xlarge 30 standard address", "129.25", "5.15"),
        // 91.98 + 40.00 + 3.65 + 0.50
        ("r6i.large 500 gp3 address zone", "136.13", "44.15"),
        // 734.38 + 8.00 + 3.65 + 0.50
        ("g5.xlarge 100 gp3 address zone", "746.53", "12.15"),
    ];
    for (lab, running, stopped) in labs {
        let words: Vec<&str> = lab.split(' ').collect();
        let [instance_type, size, volume_type, rest @ ..] = &words[..] else {
            panic!("{lab}")
        };
        let zone = match rest.contains(&"zone") {
            true => "dns: { zone: penguins.example, records: [] }",
            false => "",
        };
        let text = format!(
            "lab: penguins\nregion: us-east-1\nelastic_ip: {}\n{zone}\n\
             instance:\n  image: ubuntu-24.04\n  instance_type: {instance_type}\n  key_pair: key.pub\n  \
             root_volume: {{ size: {size} GiB, type: {volume_type} }}\n",
            rest.contains(&"address")
        );
        let estimate = estimate(&text);
        assert_eq!(estimate.running().to_string(), running, "{lab}");
        assert_eq!(estimate.stopped().to_string(), stopped, "{lab}");
        assert_eq!(estimate.unknown(), [""; 0], "{lab}");
    }
}

#[test]
fn cost_is_shown_by_resource_with_what_is_not_counted() {
    assert_snapshot!(plain(&cost::text("penguins", "us-east-1", &estimate(FULL))), @r#"
    lab penguins in us-east-1

                                       an hour  a month
      instance    t3.micro              0.0104     7.59
      instance    30 GiB gp3            0.0033     2.40
      elastic_ip  public IPv4 address   0.0050     3.65
      zone        hosted zone           0.0007     0.50

      running  14.14 USD a month, 0.0194 an hour
      stopped  6.55 USD a month, 0.0090 an hour

    not counted, because it depends on use
      bucket: storage, 0.0230 USD a month for each GB
      bucket: requests
      instance: traffic
      instance: processor credits beyond the earned ones
      zone: DNS queries

    USD, on demand, a month of 730 hours, prices of 2025-03-02, without taxes
    "#);
}

#[test]
fn another_region_lists_what_is_unknown() {
    let text = edited(
        FULL,
        &[("us-east-1", "eu-south-2"), ("t3.micro", "m7i.4xlarge")],
    );
    let estimate = estimate(&text);
    assert_snapshot!(plain(&cost::text("penguins", "eu-south-2", &estimate)), @r#"
    lab penguins in eu-south-2

                                       an hour  a month
      instance    m7i.4xlarge          unknown  unknown
      instance    30 GiB gp3           unknown  unknown
      elastic_ip  public IPv4 address   0.0050     3.65
      zone        hosted zone           0.0007     0.50

      running  at least 4.15 USD a month, 0.0057 an hour
      stopped  at least 4.15 USD a month, 0.0057 an hour
      without m7i.4xlarge (instance), whose price labctl does not know here
      without 30 GiB gp3 (instance), whose price labctl does not know here

    not counted, because it depends on use
      bucket: storage
      bucket: requests
      instance: traffic
      zone: DNS queries

    USD, on demand, a month of 730 hours, prices of 2025-03-02, without taxes
    "#);
    let document = cost::document("penguins", "eu-south-2", &estimate);
    assert_snapshot!(document["unknown"].to_string(), @r#"["instance: m7i.4xlarge","instance: 30 GiB gp3"]"#);
    assert_eq!(document["items"][0]["monthly"], serde_json::Value::Null);
}
