//! Somebody else at work in the same account: single requests to AWS, without labctl.

use serde_json::json;

use super::Lab;
use super::http::{Asked, send};

/// Somebody else's account.
const STRANGER: &str = "999999999999";

impl Lab {
    /// Sends one request in this lab's account, and expects a good answer.
    fn outside(&self, service: &str, region: &str, asked: &Asked<'_>) -> String {
        self.outside_as(&self.account, service, region, asked)
    }

    fn outside_as(&self, account: &str, service: &str, region: &str, asked: &Asked<'_>) -> String {
        let scope = format!(
            "AWS4-HMAC-SHA256 Credential={account}/20260101/{region}/{service}/aws4_request, SignedHeaders=host, Signature=0"
        );
        let mut headers = asked.headers.to_vec();
        headers.push(("Authorization", scope));
        let (status, body) = send(
            self.port(),
            &Asked {
                headers: &headers,
                ..*asked
            },
        )
        .unwrap();
        assert!(
            status < 300,
            "{} {}: {status} {body}",
            asked.method,
            asked.path
        );
        body
    }

    /// Calls EC2: `Action=DescribeVpcs`, and its parameters.
    pub fn ec2(&self, region: &str, query: &str) -> String {
        let asked = Asked {
            method: "POST",
            path: "/",
            headers: &[(
                "Content-Type",
                "application/x-www-form-urlencoded".to_owned(),
            )],
            body: &format!("{query}&Version=2016-11-15"),
        };
        self.outside("ec2", region, &asked)
    }

    /// Calls S3 or Route 53.
    pub fn rest(&self, service: &str, method: &str, path: &str, body: &str) -> String {
        self.outside(
            service,
            "us-east-1",
            &Asked {
                method,
                path,
                headers: &[],
                body,
            },
        )
    }

    /// Makes a bucket in somebody else's account.
    pub fn make_foreign_bucket(&self, name: &str) {
        let path = format!("/{name}");
        let asked = Asked {
            method: "PUT",
            path: &path,
            headers: &[],
            body: "",
        };
        self.outside_as(STRANGER, "s3", "us-east-1", &asked);
    }

    /// Makes a bucket in somebody else's account that looks like this lab's: with its tags, and with a policy that
    /// lets everybody do everything.
    pub fn make_marked_foreign_bucket(&self, name: &str, lab: &str) {
        self.make_foreign_bucket(name);
        let tag = |(key, value)| format!("<Tag><Key>{key}</Key><Value>{value}</Value></Tag>");
        let marks = [
            ("labctl:lab", lab),
            ("labctl:region", "us-east-1"),
            ("labctl:resource", "bucket"),
        ];
        let tags: String = marks.map(tag).concat();
        let tagging = format!("<Tagging><TagSet>{tags}</TagSet></Tagging>");
        let policy = json!({ "Version": "2012-10-17", "Statement": [{
            "Effect": "Allow", "Principal": "*", "Action": "s3:*",
            "Resource": [format!("arn:aws:s3:::{name}"), format!("arn:aws:s3:::{name}/*")],
        }] });
        for (method, path, body) in [
            ("PUT", format!("/{name}?tagging"), tagging),
            (
                "DELETE",
                format!("/{name}?publicAccessBlock"),
                String::new(),
            ),
            ("PUT", format!("/{name}?policy"), policy.to_string()),
            ("PUT", format!("/{name}/data.txt"), "theirs".to_owned()),
        ] {
            let asked = Asked {
                method,
                path: &path,
                headers: &[],
                body: &body,
            };
            self.outside_as(STRANGER, "s3", "us-east-1", &asked);
        }
    }

    /// All of a bucket in somebody else's account that a call could change.
    pub fn foreign_bucket(&self, name: &str) -> Vec<String> {
        let parts = [
            "?tagging",
            "?versioning",
            "?encryption",
            "?policy",
            "?versions",
        ];
        let asked = parts.map(|part| format!("/{name}{part}"));
        let ask = |path: &String| {
            let asked = Asked {
                method: "GET",
                path,
                headers: &[],
                body: "",
            };
            self.outside_as(STRANGER, "s3", "us-east-1", &asked)
        };
        asked.iter().map(ask).collect()
    }

    /// How many servers, addresses and zones there are in the account, of whatever lab.
    pub fn census(&self, region: &str) -> (usize, usize, usize) {
        let states = "Filter.1.Name=instance-state-name&Filter.1.Value.1=running&Filter.1.Value.2=pending&Filter.1.Value.3=stopped&Filter.1.Value.4=stopping";
        let instances = self.ec2(region, &format!("Action=DescribeInstances&{states}"));
        let addresses = self.ec2(region, "Action=DescribeAddresses");
        let zones = self.rest("route53", "GET", "/2013-04-01/hostedzone", "");
        (
            elements(&instances, "instanceId").len(),
            elements(&addresses, "allocationId").len(),
            elements(&zones, "HostedZone").len(),
        )
    }
}

/// The text between two others, where it comes first.
pub fn between<'a>(text: &'a str, start: &str, end: &str) -> &'a str {
    let found = text
        .split_once(start)
        .and_then(|(_, rest)| rest.split_once(end));
    found
        .unwrap_or_else(|| panic!("no {start}…{end} in {text}"))
        .0
}

/// The texts of all XML elements of this name.
pub fn elements(text: &str, name: &str) -> Vec<String> {
    let (start, end) = (format!("<{name}>"), format!("</{name}>"));
    let parts = text.split(&start).skip(1);
    parts
        .filter_map(|part| Some(part.split_once(&end)?.0.to_owned()))
        .collect()
}
