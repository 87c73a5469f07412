//! What has to be known before anything is created: asked at plan time, so that
//! a plan that AWS would refuse half-way is refused before its first write.

use std::collections::BTreeMap;

use futures_util::try_join;

use crate::cloud::api::{CallError, Read};
use crate::cloud::diff::{Change, ChangeSet, Edit, Refusal};
use crate::cloud::resource::{Address, Reference, Value};
use crate::cloud::resources::instance::Instance;
use crate::cloud::resources::offers::{self, Image, SubnetFacts, TypeFacts};
use crate::cloud::resources::placement::Placement;
use crate::cloud::resources::policy::canonical;
use crate::cloud::resources::{Body, Kind, LiveLab, Lookups, Scope};

/// Looks up what the changes need; what stands against them becomes refusals.
pub async fn preflight(
    cloud: &dyn Read,
    scope: &Scope,
    live: &LiveLab,
    set: &mut ChangeSet,
) -> Result<Lookups, CallError> {
    let check = Check {
        cloud,
        region: &scope.region,
        live,
    };
    let mut lookups = Lookups::default();
    let mut refusals = Vec::new();
    let given = check.given_subnet(scope, set, &mut refusals).await?;
    for change in &set.changes {
        match change {
            Change::Create(desired) => {
                check
                    .creation(&desired.body, given.as_ref(), &mut lookups, &mut refusals)
                    .await?;
            }
            Change::Replace(edit) => {
                check
                    .creation(
                        &edit.desired.body,
                        given.as_ref(),
                        &mut lookups,
                        &mut refusals,
                    )
                    .await?;
            }
            Change::Update(edit) => check.resize(edit, &mut refusals).await?,
            _ => {}
        }
    }
    set.refusals.extend(refusals);
    Ok(lookups)
}

struct Check<'a> {
    cloud: &'a dyn Read,
    region: &'a str,
    live: &'a LiveLab,
}

fn refusal(path: &str, summary: impl Into<String>, help: impl Into<String>) -> Refusal {
    Refusal {
        address: Address::of(Kind::Instance),
        path: path.to_owned(),
        summary: summary.into(),
        help: help.into(),
    }
}

impl Check<'_> {
    async fn creation(
        &self,
        body: &Body,
        given: Option<&SubnetFacts>,
        lookups: &mut Lookups,
        refusals: &mut Vec<Refusal>,
    ) -> Result<(), CallError> {
        match body {
            Body::Instance(instance) => self.launch(instance, given, lookups, refusals).await,
            Body::SecurityGroup(group) if group.vpc == Placement::Default => {
                lookups.default_vpc = offers::default_vpc(self.cloud).await?;
                if lookups.default_vpc.is_none() {
                    refusals.push(self.no_default_network());
                }
                Ok(())
            }
            _ => Ok(()),
        }
    }

    /// Where the subnet is that the plan names, if something is to be put into its network. A subnet that is not there,
    /// and a network that is not the subnet's, would be refused when half of the lab is made.
    async fn given_subnet(
        &self,
        scope: &Scope,
        set: &ChangeSet,
        refusals: &mut Vec<Refusal>,
    ) -> Result<Option<SubnetFacts>, CallError> {
        let Some((vpc, subnet)) = scope.vpc.as_ref().zip(scope.subnet.as_ref()) else {
            return Ok(None);
        };
        let is_put_there = |change: &Change| {
            let is_new = matches!(change, Change::Create(_) | Change::Replace(_));
            let kinds = [Kind::Instance, Kind::SecurityGroup];
            is_new && kinds.contains(&change.address().kind())
        };
        if !set.changes.iter().any(is_put_there) {
            return Ok(None);
        }
        let found = offers::subnet_facts(self.cloud, subnet).await?;
        match &found {
            None => refusals.push(refusal(
                "network.subnet",
                format!("there is no subnet `{subnet}` in `{}`", self.region),
                "name a subnet of this region and account",
            )),
            Some(facts) if facts.vpc != *vpc => refusals.push(refusal(
                "network.vpc",
                format!(
                    "the subnet `{subnet}` is not in `{vpc}`, but in `{}`",
                    facts.vpc
                ),
                format!("write `vpc: {}`, or name a subnet of `{vpc}`", facts.vpc),
            )),
            Some(_) => {}
        }
        Ok(found)
    }

    fn no_default_network(&self) -> Refusal {
        refusal(
            "network",
            format!("the account has no default network in `{}`", self.region),
            "write `network: dedicated`, which makes the lab its own network, or name an \
             existing one by `network: { vpc: vpc-…, subnet: subnet-… }`",
        )
    }

    async fn launch(
        &self,
        instance: &Instance,
        given: Option<&SubnetFacts>,
        lookups: &mut Lookups,
        refusals: &mut Vec<Refusal>,
    ) -> Result<(), CallError> {
        let name = &instance.instance_type;
        let image_name = instance.image.as_deref().unwrap_or_default();
        let wanted = [name.as_str()];
        let (facts, zones) = try_join!(
            offers::type_facts(self.cloud, &wanted),
            offers::zones_with(self.cloud, name),
        )?;
        let Some(facts) = facts.get(name) else {
            refusals.push(self.no_such_type(name));
            return Ok(());
        };
        let architecture = facts
            .architectures
            .last()
            .map(String::as_str)
            .unwrap_or("x86_64");
        let (image, ()) = try_join!(
            offers::image(self.cloud, self.region, image_name, architecture),
            self.place(instance, given, &zones, lookups, refusals),
        )?;
        match image {
            None => refusals.push(refusal(
                "instance.image",
                format!("there is no image `{image_name}` in `{}`", self.region),
                match canonical(self.region) {
                    Some(_) => "write `ubuntu-24.04`, or the id of an AMI of this region",
                    None => "labctl does not know Canonical's account there: write the id of an Ubuntu AMI of this region",
                },
            )),
            Some(image) => {
                refusals.extend(check_image(instance, facts, &image));
                lookups.image = Some((image.id, image.root_device));
            }
        }
        Ok(())
    }

    fn no_such_type(&self, name: &str) -> Refusal {
        refusal(
            "instance.instance_type",
            format!("there is no instance type `{name}` in `{}`", self.region),
            "see https://aws.amazon.com/ec2/instance-types/; `t3.micro` is the free tier's",
        )
    }

    /// Chooses the subnet, in a zone in which the type is sold.
    async fn place(
        &self,
        instance: &Instance,
        given: Option<&SubnetFacts>,
        zones: &[String],
        lookups: &mut Lookups,
        refusals: &mut Vec<Refusal>,
    ) -> Result<(), CallError> {
        let name = &instance.instance_type;
        let said = instance.availability_zone.as_ref();
        if let Some(said) = said.filter(|said| !zones.contains(said)) {
            refusals.push(not_in_zone(name, said, zones));
            return Ok(());
        }
        match &instance.subnet {
            Placement::Default | Placement::Unknown => {
                let subnets: BTreeMap<String, String> = offers::default_subnets(self.cloud).await?;
                let possible = zones.iter().filter(|zone| self.is_free_choice(said, zone));
                let possible = possible.filter_map(|zone| subnets.get(zone));
                lookups.default_subnets = possible.cloned().collect();
                if lookups.default_subnets.is_empty() && !subnets.is_empty() {
                    let offered: Vec<_> = subnets.into_keys().collect();
                    refusals.push(not_sold(name, &offered.join(", "), zones));
                }
            }
            Placement::In(Reference::Id(_)) => {
                let Some(SubnetFacts { zone, .. }) = given else {
                    return Ok(());
                };
                if !zones.contains(zone) {
                    refusals.push(not_sold(name, zone, zones));
                } else if let Some(said) = said.filter(|said| *said != zone) {
                    refusals.push(refusal(
                        "instance.availability_zone",
                        format!("the plan's subnet is in the zone `{zone}`, and not in `{said}`"),
                        format!("write `{zone}`, leave the line out, or name a subnet of `{said}`"),
                    ));
                }
            }
            Placement::In(Reference::To(address)) => {
                let subnet = self
                    .live
                    .resources
                    .iter()
                    .find(|live| live.address == *address);
                let zone = subnet.and_then(|live| live.observed.availability_zone.clone());
                match zone.filter(|_| said.is_none()) {
                    Some(zone) if !zones.contains(&zone) => {
                        refusals.push(not_sold(name, &zone, zones));
                    }
                    _ => {
                        let mut possible =
                            zones.iter().filter(|zone| self.is_free_choice(said, zone));
                        lookups.availability_zone = possible.next().cloned();
                    }
                }
            }
        }
        Ok(())
    }

    /// Whether a zone may be taken: the one that the plan says, else any of the region's own.
    fn is_free_choice(&self, said: Option<&String>, zone: &str) -> bool {
        match said {
            Some(said) => said == zone,
            None => offers::is_of_region(zone, self.region),
        }
    }

    /// A resize must not fail between stop and start for a reason that could be
    /// known before: architecture, network adapter, and whether the type is
    /// sold in the server's zone.
    async fn resize(&self, edit: &Edit, refusals: &mut Vec<Refusal>) -> Result<(), CallError> {
        let field = edit
            .fields
            .iter()
            .find(|field| field.path == "instance_type");
        let Some((Value::Text(old), Value::Text(new))) =
            field.map(|field| (&field.before, &field.after))
        else {
            return Ok(());
        };
        let wanted = [old.as_str(), new.as_str()];
        let (facts, zones) = try_join!(
            offers::type_facts(self.cloud, &wanted),
            offers::zones_with(self.cloud, new),
        )?;
        let Some(new_facts) = facts.get(new) else {
            refusals.push(self.no_such_type(new));
            return Ok(());
        };
        if let Some(old_facts) = facts.get(old) {
            refusals.extend(check_architecture(old, old_facts, new, new_facts));
        }
        if new_facts.ena_required && edit.live.observed.ena_support == Some(false) {
            refusals.push(refusal(
                "instance.instance_type",
                format!("`{new}` needs the ENA network adapter, which this server lacks"),
                "choose a type of an older family, or replace the server by one from a current \
                 image",
            ));
        }
        if let Some(zone) = &edit.live.observed.availability_zone
            && !zones.contains(zone)
        {
            refusals.push(not_sold(new, zone, &zones));
        }
        Ok(())
    }
}

fn not_sold(name: &str, zone: &str, zones: &[String]) -> Refusal {
    let help = match zones {
        [] => "choose a type that is sold in this region".to_owned(),
        zones => format!("choose another type, or a subnet in {}", zones.join(" or ")),
    };
    refusal(
        "instance.instance_type",
        format!("AWS does not sell `{name}` in {zone}"),
        help,
    )
}

fn not_in_zone(name: &str, zone: &str, zones: &[String]) -> Refusal {
    let help = match zones {
        [] => "choose a type that is sold in this region".to_owned(),
        zones => format!(
            "AWS sells it in {}; or leave the line out",
            zones.join(", ")
        ),
    };
    refusal(
        "instance.availability_zone",
        format!("AWS does not sell `{name}` in {zone}"),
        help,
    )
}

fn check_architecture(
    old: &str,
    old_facts: &TypeFacts,
    new: &str,
    new_facts: &TypeFacts,
) -> Option<Refusal> {
    let is_shared = |one: &String| new_facts.architectures.contains(one);
    if old_facts.architectures.iter().any(is_shared) {
        return None;
    }
    Some(refusal(
        "instance.instance_type",
        format!(
            "the disk of the server is for {} (`{old}`), and `{new}` is {}",
            old_facts.architectures.join(", "),
            new_facts.architectures.join(", ")
        ),
        "choose a type of the same architecture; the other one needs a new server",
    ))
}

fn check_image(instance: &Instance, facts: &TypeFacts, image: &Image) -> Vec<Refusal> {
    let mut refusals = Vec::new();
    let name = &instance.instance_type;
    if !facts.architectures.contains(&image.architecture) {
        refusals.push(refusal(
            "instance.image",
            format!(
                "the image `{}` is for {}, and `{name}` is {}",
                image.id,
                image.architecture,
                facts.architectures.join(", ")
            ),
            "choose an image and a type of the same architecture",
        ));
    }
    if instance.root_volume.size < image.size {
        refusals.push(refusal(
            "instance.root_volume.size",
            format!("the image `{}` alone takes {} GiB", image.id, image.size),
            format!("write `{} GiB` or more", image.size),
        ));
    }
    refusals
}
