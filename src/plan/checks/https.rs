//! Checks on certificates, and on the ports that the web needs.

use super::cloud::opens_to_all;
use super::{Check, Findings};
use crate::plan::model::{HTTP_PORT, HTTPS_PORT, Https, HttpsMode, LEAST_HSTS, Plan, Workbench};

pub(super) const CHECKS: &[Check] = &[
    (&["workbench.https", "workbench.domain", "dns"], certificate),
    (&["workbench.https", "security_group"], web_ports),
];

fn certificate(plan: &Plan, findings: &mut Findings<'_>) {
    let Some(Workbench { https, domain, .. }) = &plan.workbench else {
        return;
    };
    let mode = https.mode;
    let path = "workbench.https";
    if mode.asks_an_authority() && domain.is_none() {
        let summary =
            format!("`{mode}` needs a domain: certificates are for names, not for addresses");
        findings.error(
            path,
            summary,
            "there is no `workbench.domain`",
            "add `domain: your-name.org` to `workbench`, or write `mode: self-signed`",
        );
    }
    if mode == HttpsMode::Dns && plan.dns.is_none() {
        findings.error(
            path,
            "`dns` proves the domain by a DNS record, and the plan has no `dns` section",
            "there is no `dns`",
            "add a `dns` section with its `zone`, or write `mode: lets-encrypt`",
        );
    }
    if let (HttpsMode::Dns, Some(domain), Some(dns)) = (mode, domain, &plan.dns)
        && !dns.zone.contains(domain)
    {
        findings.error(
            path,
            format!(
                "`dns` cannot prove `{domain}`: it is not in the plan's zone `{}`",
                dns.zone
            ),
            "the domain is in another zone",
            "take a domain in the zone, or write `mode: lets-encrypt`",
        );
    }
    if mode == HttpsMode::Files && (https.certificate.is_none() || https.key.is_none()) {
        findings.error(
            path,
            "`files` needs a certificate and its key",
            "`certificate` or `key` is missing",
            "add `certificate: path/to/chain.pem` and `key: path/to/key.pem`",
        );
    }
    if mode != HttpsMode::Files && (https.certificate.is_some() || https.key.is_some()) {
        findings.error(
            path,
            format!("`certificate` and `key` are not used by `{mode}`"),
            "only `files` uses them",
            "write `mode: files`, or remove them",
        );
    }
    hsts(https, findings);
    if mode == HttpsMode::SelfSigned && domain.is_some() && !findings.source.has("workbench.https")
    {
        findings.warning(
            "workbench.domain",
            "browsers will warn: the certificate is made by the server itself",
            "a domain without `https`",
            "add `https: { mode: lets-encrypt }`, or `https: { mode: self-signed }` to keep it so",
        );
    }
}

/// Browsers ask for HTTPS alone, and let nobody go on past a certificate that they do not trust (RFC 6797, section 8.4).
fn hsts(https: &Https, findings: &mut Findings<'_>) {
    const PATH: &str = "workbench.https.hsts";
    let Some(hsts) = https.hsts else { return };
    if matches!(https.mode, HttpsMode::SelfSigned | HttpsMode::Off) {
        findings.error(
            PATH,
            format!(
                "`hsts` would shut browsers out: `{}` has no certificate that they trust",
                https.mode
            ),
            "not with this mode",
            "remove it, or write `mode: lets-encrypt`",
        );
    } else if hsts.as_secs() < LEAST_HSTS {
        findings.error(
            PATH,
            format!("`hsts: {hsts}` is less than a day"),
            "too short",
            "write `1d` or more; raise it step by step, because browsers remember it for so long",
        );
    }
}

fn web_ports(plan: &Plan, findings: &mut Findings<'_>) {
    let Some(Workbench { https, .. }) = &plan.workbench else {
        return;
    };
    let rules = |port: u16| {
        let ingress = plan.security_group.ingress.iter();
        ingress.filter(move |rule| rule.port.get() == port)
    };
    let place = if findings.source.has("security_group") {
        "security_group"
    } else {
        "workbench"
    };
    let needed = if https.mode == HttpsMode::Off {
        HTTP_PORT
    } else {
        HTTPS_PORT
    };
    if rules(needed).next().is_none() {
        let summary = format!("the workbench is served on port {needed}, which is closed");
        let help = format!(
            "add `- {{ port: {needed}, from: [anywhere] }}` to `security_group.ingress`, or the addresses that may use it"
        );
        findings.error(place, summary, &format!("no rule for port {needed}"), help);
    }
    if https.mode == HttpsMode::LetsEncrypt && !rules(HTTP_PORT).any(opens_to_all) {
        findings.error(
            place,
            "Let's Encrypt looks at port 80 from anywhere, now and at each renewal",
            "port 80 is not open to anywhere",
            "add `- { port: 80, from: [anywhere] }` to `security_group.ingress`, or write `mode: dns`",
        );
    }
}
