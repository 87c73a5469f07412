//! Where browsers find the lab's pages now: one answer for all commands that print it.

use std::net::IpAddr;

use crate::cloud::resource::Power;
use crate::cloud::resources::{Kind, LiveLab};
use crate::commands::arguments::Endpoint;
use crate::host::site::{Dns, Page, Site};
use crate::plan::Plan;

use super::route::Route;

/// A server that runs, and what leads to it.
#[derive(Debug, Clone, Copy)]
pub struct RunningServer<'a> {
    /// Its id.
    pub id: &'a str,
    /// Its public address.
    pub public: Option<IpAddr>,
    /// Its address in its network.
    pub private: Option<IpAddr>,
    /// The records of its names.
    pub dns: Dns<'a>,
}

impl<'a> RunningServer<'a> {
    /// Takes it from the lab as it is; none where the server does not run.
    pub fn of(live: &'a LiveLab) -> Option<Self> {
        let server = live.current(Kind::Instance)?;
        let runs = server.observed.power == Some(Power::Running);
        runs.then(|| Self {
            id: &server.id,
            public: live.public_address().map(IpAddr::from),
            private: server.observed.private_ip.map(IpAddr::from),
            dns: Dns::Live(live),
        })
    }
}

/// The plan's pages, each with its URL: by the first name that leads to the server, else by its address. There are none
/// where nothing leads there.
pub async fn pages(route: &Route, plan: &Plan, server: RunningServer<'_>) -> Vec<Page> {
    let site = Site::of(route.host_plan(plan)).filter(|_| route.obstacle().is_none());
    let Some(site) = site else {
        return Vec::new();
    };
    if let Some(name) = site.name(server.dns) {
        return site.pages(&site.url(name, site.port()));
    }
    let place = match route {
        Route::Sandbox(_) => route.web_place(server.id, None, site.port()).await,
        Route::Straight | Route::Through(_) => {
            let address = server.public.or(server.private);
            address.map(|address| Endpoint {
                address: address.to_string(),
                port: site.port(),
            })
        }
    };
    let url = place.map(|place| site.url(&place.address, place.port));
    url.map(|url| site.pages(&url)).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    const PLAN: &str = "
lab: lab
region: us-east-1
instance: { image: ubuntu-24.04, instance_type: t3.micro, key_pair: k.pub }
security_group: { ingress: [{ port: 443, from: [anywhere] }] }
workbench: { https: { mode: self-signed } }
";

    #[tokio::test]
    async fn a_lab_without_names_is_found_at_its_live_address() {
        let parsed = crate::plan::parse("lab.yaml", PLAN);
        let plan = parsed
            .map_err(|found| format!("{:?}", found.problems))
            .unwrap()
            .plan;
        let (public, private) = ("198.51.100.4".parse().ok(), "10.0.1.5".parse().ok());
        let bastion = Route::Through("bastion.example".parse().unwrap());
        for route in [Route::Straight, bastion] {
            for (public, private, urls) in [
                (public, private, &["https://198.51.100.4/"][..]),
                (None, private, &["https://10.0.1.5/"][..]),
                (None, None, &[][..]),
            ] {
                let server = RunningServer {
                    id: "i-0abc",
                    public,
                    private,
                    dns: Dns::Planned,
                };
                let pages = pages(&route, &plan, server).await;
                let found: Vec<_> = pages.into_iter().map(|page| page.url).collect();
                assert_eq!(found, urls);
            }
        }
    }
}
