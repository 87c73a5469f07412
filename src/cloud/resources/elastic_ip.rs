//! The server's lasting public address.

use aws_sdk_ec2::operation::allocate_address::AllocateAddressInput;
use aws_sdk_ec2::operation::associate_address::AssociateAddressInput;
use aws_sdk_ec2::operation::describe_addresses::DescribeAddressesInput;
use aws_sdk_ec2::operation::disassociate_address::DisassociateAddressInput;
use aws_sdk_ec2::operation::release_address::ReleaseAddressInput;
use aws_sdk_ec2::types::{Address as Ec2Address, DomainType, ResourceType};

use crate::cloud::api::CallError;
use crate::cloud::resource::{Address, Field, Live, Observed, Reference, Tags, Value, present};
use crate::cloud::stakes::{Charge, Lost};

use super::context::{Handle, StepError, required};
use super::reader::Reader;
use super::run::{Run, gone_is_fine};
use super::{Kind, Manage, ec2_tags, tags};

/// A public address that stays when the server stops or changes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ElasticIp {
    /// The server that it leads to.
    pub instance: Option<Reference>,
    /// Its tags.
    pub tags: Tags,
}

/// Makes a live resource of an answer.
pub fn live(address: &Ec2Address, reader: &Reader<'_>) -> Live<ElasticIp> {
    let observed = Observed {
        tags: ec2_tags::read(address.tags()),
        public_ip: address.public_ip().and_then(|ip| ip.parse().ok()),
        association_id: present(address.association_id()).map(str::to_owned),
        ..Observed::default()
    };
    let id = address.allocation_id().unwrap_or_default();
    tags::live(
        reader.scope,
        Address::of(Kind::ElasticIp),
        id,
        observed,
        |tags| ElasticIp {
            instance: Reference::named(address.instance_id()),
            tags,
        },
    )
}

impl ElasticIp {
    /// Looks whether another run has made an address too; gives the one that all
    /// runs keep, and lets this run's own go where that is another.
    async fn only_one(&self, made: Handle, run: &Run<'_>) -> Result<Handle, StepError> {
        match of_lab(run).await? {
            Some(kept) if kept.id != made.id => {
                release(&made.id, run).await?;
                Ok(kept)
            }
            _ => Ok(made),
        }
    }

    async fn associate(&self, id: &str, run: &Run<'_>) -> Result<(), StepError> {
        let Some(instance) = &self.instance else {
            return Ok(());
        };
        let instance = run.id(instance)?;
        // They are told apart from a wrong id by time alone: they pass. The
        // server may be known already where its network interface is not yet.
        let passing = &[
            "InvalidAllocationID.NotFound",
            "InvalidInstanceID.NotFound",
            "InvalidInstanceID",
            "InvalidNetworkInterfaceID.NotFound",
            "IncorrectInstanceState",
        ];
        run.settled("the server to take the address", passing, async || {
            let input = AssociateAddressInput::builder()
                .allocation_id(id)
                .instance_id(&instance)
                .allow_reassociation(true);
            run.cloud.associate_address(input).await.map(drop)
        })
        .await
    }
}

fn handle(id: String, public_ip: Option<&str>) -> Handle {
    Handle {
        id,
        observed: Observed {
            public_ip: public_ip.and_then(|ip| ip.parse().ok()),
            ..Observed::default()
        },
    }
}

/// Finds the lab's address, of several the one that every run keeps.
async fn of_lab(run: &Run<'_>) -> Result<Option<Handle>, CallError> {
    let input = DescribeAddressesInput::builder().set_filters(ec2_tags::lab_filters(run.scope));
    let output = run.cloud.describe_addresses(input).await?;
    let mut found: Vec<&Ec2Address> = output.addresses().iter().collect();
    found.sort_by_key(|address| (address.association_id().is_none(), address.allocation_id()));
    let kept = found
        .into_iter()
        .find_map(|address| Some((address.allocation_id()?, address)));
    Ok(kept.map(|(id, address)| handle(id.to_owned(), address.public_ip())))
}

async fn release(id: &str, run: &Run<'_>) -> Result<(), StepError> {
    run.settled(
        "the address to be free",
        &["InvalidIPAddress.InUse"],
        async || {
            let input = ReleaseAddressInput::builder().allocation_id(id);
            let result = run.cloud.release_address(input).await;
            gone_is_fine(result, &["InvalidAllocationID.NotFound"])
        },
    )
    .await
}

async fn disassociate(live: &Live<ElasticIp>, run: &Run<'_>) -> Result<(), StepError> {
    let Some(association) = &live.observed.association_id else {
        return Ok(());
    };
    let input = DisassociateAddressInput::builder().association_id(association);
    let result = run.cloud.disassociate_address(input).await;
    Ok(gone_is_fine(result, &["InvalidAssociationID.NotFound"])?)
}

impl Manage for ElasticIp {
    const LOST: Lost = Lost::Address;

    fn fields(&self) -> Vec<Field> {
        let instance = Value::from(&self.instance);
        let mut fields = vec![
            Field::update("instance", instance).late(),
            Field::created_after(Kind::KeyPair),
        ];
        fields.extend(tags::fields(&self.tags));
        fields
    }

    fn each_reference(&mut self, visit: &mut dyn FnMut(&mut Reference)) {
        self.instance.iter_mut().for_each(visit);
    }

    fn charges(&self) -> Vec<Charge> {
        vec![Charge::Address]
    }

    fn tags(&mut self) -> Option<&mut Tags> {
        Some(&mut self.tags)
    }

    async fn read(reader: &Reader<'_>) -> Result<Vec<Live<Self>>, CallError> {
        let filters = ec2_tags::lab_filters(reader.scope);
        let input = DescribeAddressesInput::builder().set_filters(filters);
        let output = reader.cloud.describe_addresses(input).await?;
        let addresses = output.addresses().iter();
        Ok(addresses.map(|address| live(address, reader)).collect())
    }

    async fn create(&self, run: &Run<'_>) -> Result<Handle, StepError> {
        let allocate = async || -> Result<Handle, StepError> {
            let specification = ec2_tags::specification(ResourceType::ElasticIp, &self.tags);
            let input = AllocateAddressInput::builder()
                .domain(DomainType::Vpc)
                .tag_specifications(specification);
            let output = run.cloud.allocate_address(input).await?;
            let id = required(output.allocation_id, "AllocateAddress", "allocation id")?;
            Ok(handle(id, output.public_ip.as_deref()))
        };
        let made = run
            .once("an address", async || of_lab(run).await, allocate)
            .await?;
        self.only_one(made, run).await
    }

    async fn attach(&self, handle: &Handle, run: &Run<'_>) -> Result<(), StepError> {
        self.associate(&handle.id, run).await
    }

    async fn update(&self, live: &Live<Self>, run: &Run<'_>) -> Result<(), StepError> {
        ec2_tags::update(live, &self.tags, run).await?;
        if live.body.instance != self.instance {
            match &self.instance {
                Some(_) => self.associate(&live.id, run).await?,
                None => disassociate(live, run).await?,
            }
        }
        Ok(())
    }

    async fn delete(live: &Live<Self>, run: &Run<'_>) -> Result<(), StepError> {
        disassociate(live, run).await?;
        release(&live.id, run).await
    }
}
