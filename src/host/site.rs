//! Where browsers find a lab's pages: by which name or address, as AWS is now (pure).

use crate::cloud::resource::Reference;
use crate::cloud::resources::record::Record;
use crate::cloud::resources::{Body, LiveLab, LiveResource};
use crate::plan::{HTTP_PORT, HTTPS_PORT, Plan, WebName, web_names};

use super::pieces::Variables;
use super::services::Link;

/// CNAMEs that lead on to CNAMEs are followed so far; resolvers give up at similar lengths.
const LONGEST_CHAIN: usize = 8;

/// What a plan puts onto its server for browsers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Site {
    /// The names that are to lead there, the plan's domain first.
    pub names: Vec<WebName>,
    /// Whether it is served by HTTPS.
    pub https: bool,
    /// Its pages, the start page first.
    links: Vec<Link>,
}

/// A page and where it is.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Page {
    /// What it is called.
    pub title: String,
    /// Its URL.
    pub url: String,
}

/// What is known of the records in DNS.
#[derive(Debug, Clone, Copy)]
pub enum Dns<'a> {
    /// They are as the plan says, as after an apply.
    Planned,
    /// They are as AWS has them.
    Live(&'a LiveLab),
}

impl Site {
    /// Takes it from the plan; none where no web server is wanted.
    pub fn of(plan: &Plan) -> Option<Self> {
        let workbench = plan.workbench.as_ref()?;
        let variables = Variables::new(plan, workbench);
        let links = variables.pages();
        (!links.is_empty()).then(|| Self {
            names: web_names(plan, workbench),
            https: variables.tls,
            links,
        })
    }

    /// The port at which browsers ask for it.
    pub const fn port(&self) -> u16 {
        match self.https {
            true => HTTPS_PORT,
            false => HTTP_PORT,
        }
    }

    /// The first of its names that leads to the server. A name without a record of the plan's is taken at its word.
    pub fn name(&self, dns: Dns<'_>) -> Option<&str> {
        let leads = |name: &&WebName| match dns {
            Dns::Live(live) if name.has_record => leads(&name.name, live, LONGEST_CHAIN),
            Dns::Planned | Dns::Live(_) => true,
        };
        self.names.iter().find(leads).map(|name| name.name.as_str())
    }

    /// The URL of everything at a host, without a slash at its end.
    pub fn url(&self, host: &str, port: u16) -> String {
        let scheme = if self.https { "https" } else { "http" };
        // RFC 3986, section 3.2.2: an IPv6 address stands in brackets.
        let host = match host.contains(':') {
            true => format!("[{host}]"),
            false => host.to_owned(),
        };
        match port == self.port() {
            true => format!("{scheme}://{host}"),
            false => format!("{scheme}://{host}:{port}"),
        }
    }

    /// The pages below such a URL. Those with a name of their own are found by that alone.
    pub fn pages(&self, url: &str) -> Vec<Page> {
        let page = |link: &Link| {
            let own = link.host.as_ref();
            let own = own.map(|host| self.url(host, self.port()));
            Page {
                title: link.title.to_owned(),
                url: format!("{}{}", own.as_deref().unwrap_or(url), link.path),
            }
        };
        self.links.iter().map(page).collect()
    }

    /// The names of their own that some of its pages have.
    pub fn own_hosts(&self) -> impl Iterator<Item = &str> {
        self.links.iter().filter_map(|link| link.host.as_deref())
    }
}

/// Whether a name of the plan's zone leads to the server, by the records that there are.
fn leads(name: &str, live: &LiveLab, chain: usize) -> bool {
    let address = live.public_address();
    let is_here = |value: &Reference| {
        let value = match value {
            Reference::To(to) => live
                .current(to.kind())
                .and_then(|live| live.observed.public_ip),
            Reference::Id(text) => text.parse().ok(),
        };
        value.is_some() && value == address
    };
    let goes_on = |value: &Reference| match value {
        Reference::Id(target) if chain > 0 => leads(target, live, chain - 1),
        _ => false,
    };
    let mut records = live.resources.iter().filter_map(record);
    records.any(|record| match record.record_type.as_str() {
        "A" if record.name == name => record.values.iter().any(is_here),
        "CNAME" if record.name == name => record.values.iter().any(goes_on),
        _ => false,
    })
}

fn record(live: &LiveResource) -> Option<&Record> {
    match &live.body {
        Body::Record(record) => Some(record),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cloud::lower::{self, Inputs};
    use crate::cloud::resource::{Observed, Owner, Standing};
    use crate::cloud::resources::{Kind, LiveResource, Scope};
    use crate::plan;

    const HEAD: &str = "
lab: penguins
region: us-east-1
instance: { image: ubuntu-24.04, instance_type: t3.micro, key_pair: key.pub }
elastic_ip: true
security_group: { ingress: [{ port: 80, from: [anywhere] }, { port: 443, from: [anywhere] }] }
";
    const DNS: &str = "
dns:
  zone: penguins.example
  records:
    - { name: '@', type: A, value: elastic-ip }
    - { name: www, type: CNAME, value: '@' }
    - { name: '*', type: A, value: elastic-ip }
";
    const KEY: &str =
        "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAABAgMEBQYHCAkKCwwNDg8QERITFBUWFxgZGhscHR4f";

    fn plan(workbench: &str, dns: &str) -> Plan {
        let text = format!("{HEAD}{dns}workbench:\n{workbench}");
        let parsed = plan::parse("lab.yaml", &text);
        parsed
            .map_err(|found| format!("{:?}", found.problems))
            .unwrap()
            .plan
    }

    /// What there is once the plan has been applied.
    fn live(plan: &Plan) -> LiveLab {
        let inputs = Inputs {
            public_key: KEY.parse().unwrap(),
            my_ip: None,
            account: "123456789012".to_owned(),
        };
        let desired = lower::lower(plan, &Scope::of(plan), &inputs).into_iter();
        let resources = desired.map(|desired| LiveResource {
            id: desired.address.to_string(),
            owner: Owner::Lab,
            standing: Standing::Current,
            observed: Observed {
                public_ip: match desired.address.kind() {
                    Kind::Instance => Some([203, 0, 113, 9].into()),
                    Kind::ElasticIp => Some([198, 51, 100, 4].into()),
                    _ => None,
                },
                ..Observed::default()
            },
            address: desired.address,
            body: desired.body,
        });
        LiveLab {
            account: inputs.account.clone(),
            resources: resources.collect(),
            ended_instances: 0,
        }
    }

    fn values<'a>(
        live: &'a mut LiveLab,
        record: &str,
    ) -> &'a mut std::collections::BTreeSet<Reference> {
        let found = live
            .resources
            .iter_mut()
            .find(|live| live.address.to_string() == record);
        match &mut found.unwrap().body {
            Body::Record(record) => &mut record.values,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_name_counts_while_its_record_leads_to_the_server() {
        let plan = plan(
            "  domain: www.penguins.example\n  https: { mode: self-signed }\n",
            DNS,
        );
        let site = Site::of(&plan).unwrap();
        let mut live = live(&plan);
        assert_eq!(site.name(Dns::Live(&live)), Some("www.penguins.example"));
        *values(&mut live, "record.www.CNAME") = [Reference::Id("other.example".to_owned())].into();
        assert_eq!(site.name(Dns::Live(&live)), Some("penguins.example"));
        *values(&mut live, "record.@.A") = [Reference::Id("192.0.2.1".to_owned())].into();
        assert_eq!(site.name(Dns::Live(&live)), None);
        *values(&mut live, "record.@.A") = [Reference::Id("198.51.100.4".to_owned())].into();
        assert_eq!(site.name(Dns::Live(&live)), Some("penguins.example"));
        assert_eq!(site.name(Dns::Planned), Some("www.penguins.example"));
        // CNAMEs in a circle lead nowhere.
        *values(&mut live, "record.www.CNAME") =
            [Reference::Id("www.penguins.example".to_owned())].into();
        live.resources
            .retain(|live| live.address.to_string() != "record.@.A");
        assert_eq!(site.name(Dns::Live(&live)), None);
    }

    #[test]
    fn an_elastic_ip_that_leads_elsewhere_is_not_the_servers_address() {
        let plan = plan("  https: { mode: self-signed }\n", DNS);
        let mut live = live(&plan);
        let site = Site::of(&plan).unwrap();
        assert_eq!(
            site.name(Dns::Live(&live)),
            Some("penguins.example"),
            "a lab without a domain"
        );
        assert_eq!(live.public_address(), Some([198, 51, 100, 4].into()));
        for body in live.resources.iter_mut().map(|live| &mut live.body) {
            if let Body::ElasticIp(address) = body {
                address.instance = Some(Reference::Id("i-other".to_owned()));
            }
        }
        assert_eq!(live.public_address(), Some([203, 0, 113, 9].into()));
        assert_eq!(site.name(Dns::Live(&live)), None);
    }

    #[test]
    fn a_domain_of_somebody_elses_zone_is_taken_at_its_word() {
        let plan = plan(
            "  domain: lab.uni.example\n  https: { mode: self-signed }\n",
            "",
        );
        let live = live(&plan);
        let site = Site::of(&plan).unwrap();
        assert_eq!(site.name(Dns::Live(&live)), Some("lab.uni.example"));
    }

    #[test]
    fn urls_name_scheme_and_port_as_browsers_take_them() {
        let secure = Site::of(&plan(
            "  https: { mode: self-signed }\n  jupyterhub: {}\n",
            "",
        ))
        .unwrap();
        let open = Site::of(&plan("  https: { mode: \"off\" }\n", "")).unwrap();
        assert_eq!(secure.url("192.0.2.7", 443), "https://192.0.2.7");
        assert_eq!(secure.url("127.0.0.1", 25004), "https://127.0.0.1:25004");
        assert_eq!(secure.url("2001:db8::1", 443), "https://[2001:db8::1]");
        assert_eq!(open.url("192.0.2.7", 80), "http://192.0.2.7");
        let urls: Vec<_> = secure
            .pages("https://a")
            .into_iter()
            .map(|page| page.url)
            .collect();
        assert_eq!(urls, ["https://a/", "https://a/jupyter/"]);
        let bare = "  https: { mode: \"off\" }\n  landing_page: false\n";
        assert_eq!(Site::of(&plan(bare, "")), None);
    }
}
