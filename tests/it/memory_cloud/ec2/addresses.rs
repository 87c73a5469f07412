//! Elastic IP addresses.
//!
//! Sources: EC2 API Reference, "AllocateAddress", "AssociateAddress",
//! "DisassociateAddress", "ReleaseAddress" and "Error codes".

use aws_sdk_ec2::operation::{
    allocate_address::{AllocateAddressInput, AllocateAddressOutput},
    associate_address::{AssociateAddressInput, AssociateAddressOutput},
    describe_addresses::{DescribeAddressesInput, DescribeAddressesOutput},
    disassociate_address::{DisassociateAddressInput, DisassociateAddressOutput},
    release_address::{ReleaseAddressInput, ReleaseAddressOutput},
};
use aws_sdk_ec2::types::{self, DomainType};

use super::super::filters::{Filters, values};
use super::super::refusal::{Answer, refuse, require};
use super::super::register::{Kind, Resource};
use super::super::tags::sole;
use super::super::world::World;
use super::{State, unknown_association};

/// An Elastic IP address.
pub struct Address {
    pub public: String,
    pub association: Option<Association>,
}

/// Where an address leads.
#[derive(Clone)]
pub struct Association {
    pub id: String,
    pub interface: String,
}

impl Resource for Address {
    const KIND: Kind = Kind::ADDRESS;
}

const FILTERS: Filters<types::Address> = Filters {
    fields: &[
        ("allocation-id", |address| values(address.allocation_id())),
        ("association-id", |address| values(address.association_id())),
        ("instance-id", |address| values(address.instance_id())),
        ("network-interface-id", |address| {
            values(address.network_interface_id())
        }),
        ("private-ip-address", |address| {
            values(address.private_ip_address())
        }),
        ("public-ip", |address| values(address.public_ip())),
    ],
    tags: types::Address::tags,
};

impl World {
    pub fn describe_addresses(
        &self,
        input: &DescribeAddressesInput,
    ) -> Answer<DescribeAddressesOutput> {
        let mut ids = input.allocation_ids().to_vec();
        for public in input.public_ips() {
            ids.push(self.address_of(public)?);
        }
        let rows = self.register.named(&self.addresses, &ids)?;
        let rows = rows
            .into_iter()
            .map(|(id, address)| self.address_view(id, address))
            .collect();
        let rows = FILTERS.select(rows, input.filters())?;
        Ok(DescribeAddressesOutput::builder()
            .set_addresses(Some(rows))
            .build())
    }

    fn address_view(&self, id: &str, address: &Address) -> types::Address {
        let view = types::Address::builder()
            .allocation_id(id)
            .public_ip(&address.public)
            .domain(DomainType::Vpc)
            .public_ipv4_pool("amazon")
            .network_border_group(&self.register.region)
            .set_tags(Some(self.register.ec2_tags(id)));
        let Some(association) = &address.association else {
            return view.build();
        };
        let interface = self.interfaces.get(&association.interface);
        view.association_id(&association.id)
            .network_interface_id(&association.interface)
            .network_interface_owner_id(&self.register.account)
            .set_instance_id(interface.map(|interface| interface.instance.clone()))
            .set_private_ip_address(interface.map(|interface| interface.private.clone()))
            .build()
    }

    fn address_of(&self, public: &str) -> Answer<String> {
        let rows = self.register.named(&self.addresses, &[])?;
        let found = rows
            .into_iter()
            .find(|(_, address)| address.public == public);
        found.map(|(id, _)| id.to_owned()).ok_or_else(|| {
            let message = format!("Address '{public}' not found.");
            refuse("InvalidAddress.NotFound", message)
        })
    }

    pub fn allocate_address(
        &mut self,
        input: &AllocateAddressInput,
    ) -> Answer<AllocateAddressOutput> {
        let tags = sole(input.tag_specifications(), Kind::ADDRESS)?;
        if self.register.all(&self.addresses).count() >= self.options.addresses {
            let message = "The maximum number of addresses has been reached.";
            return Err(refuse("AddressLimitExceeded", message));
        }
        let id = self.register.add(Kind::ADDRESS, tags);
        let public = self.next_public_address(19);
        let answer = AllocateAddressOutput::builder()
            .allocation_id(&id)
            .public_ip(&public)
            .domain(DomainType::Vpc)
            .public_ipv4_pool("amazon")
            .network_border_group(&self.register.region);
        self.addresses.insert(
            id,
            Address {
                public,
                association: None,
            },
        );
        Ok(answer.build())
    }

    /// Makes a public address out of 198.18.0.0/15, which RFC 2544 keeps for
    /// benchmarks: no host on the internet has it.
    pub fn next_public_address(&mut self, second: u8) -> String {
        let [.., third, fourth] = self.register.count().to_be_bytes();
        std::net::Ipv4Addr::new(198, second, third, fourth).to_string()
    }

    /// Leads an address to an instance; another address of it is let go.
    pub fn associate_address(
        &mut self,
        input: &AssociateAddressInput,
    ) -> Answer<AssociateAddressOutput> {
        let id = match (input.allocation_id(), input.public_ip()) {
            (None, Some(public)) => self.address_of(public)?,
            (id, _) => require(id, "AllocationId")?.to_owned(),
        };
        let address = self.register.find(&self.addresses, &id)?;
        let interface = match (input.network_interface_id(), input.instance_id()) {
            (Some(interface), _) => self
                .register
                .find(&self.interfaces, interface)
                .map(|_| interface.to_owned())?,
            (None, instance) => self.interface_to_lead_to(require(instance, "InstanceId")?)?,
        };
        let forbids = input.allow_reassociation() == Some(false);
        if let Some(before) = address.association.as_ref().filter(|_| forbids) {
            let message = format!(
                "resource {id} is already associated with associate-id {}",
                before.id
            );
            return Err(refuse("Resource.AlreadyAssociated", message));
        }
        let vpc = self
            .register
            .find(&self.interfaces, &interface)?
            .vpc
            .clone();
        if !self.has_gateway(&vpc) {
            let message = format!("Network {vpc} is not attached to any internet gateway");
            return Err(refuse("Gateway.NotAttached", message));
        }
        self.let_go(&interface);
        self.register
            .find_mut(&mut self.interfaces, &interface)?
            .public = None;
        let association = Association {
            id: self.register.next_id("eipassoc-"),
            interface: interface.clone(),
        };
        let answer = AssociateAddressOutput::builder().association_id(&association.id);
        let address = self.register.find_mut(&mut self.addresses, &id)?;
        let before = address.association.replace(association);
        if let Some(before) = before.filter(|before| before.interface != interface) {
            self.give_public_address(&before.interface);
        }
        Ok(answer.build())
    }

    /// Finds the interface of an instance that can take an address.
    fn interface_to_lead_to(&self, id: &str) -> Answer<String> {
        let instance = self.register.find(&self.instances, id)?;
        let is_ready = matches!(
            instance.state,
            State::Running | State::Stopping | State::Stopped
        );
        match &instance.interface {
            Some(interface) if is_ready => Ok(interface.clone()),
            _ => {
                let state = instance.state.name();
                let message = format!(
                    "The {state} instance '{id}' is not in a valid state for this operation."
                );
                Err(refuse("InvalidInstanceID", message))
            }
        }
    }

    /// Takes the address of an interface away, if it has one.
    pub fn let_go(&mut self, interface: &str) {
        for address in self.addresses.values_mut() {
            address
                .association
                .take_if(|association| association.interface == interface);
        }
    }

    pub fn disassociate_address(
        &mut self,
        input: &DisassociateAddressInput,
    ) -> Answer<DisassociateAddressOutput> {
        let id = require(input.association_id(), "AssociationId")?;
        let has_it =
            |address: &Address| address.association.as_ref().is_some_and(|one| one.id == id);
        let mut here = self.register.all(&self.addresses);
        let found = here
            .find(|(_, address)| has_it(address))
            .map(|(id, _)| id.to_owned());
        drop(here);
        let Some(found) = found else {
            return Err(unknown_association(id));
        };
        let address = self.addresses.get_mut(&found);
        if let Some(association) = address.and_then(|address| address.association.take()) {
            self.give_public_address(&association.interface);
        }
        Ok(DisassociateAddressOutput::builder().build())
    }

    pub fn release_address(&mut self, input: &ReleaseAddressInput) -> Answer<ReleaseAddressOutput> {
        let id = require(input.allocation_id(), "AllocationId")?;
        let address = self.register.find(&self.addresses, id)?;
        if address.association.is_some() {
            let message = format!("Address {} is in use.", address.public);
            return Err(refuse("InvalidIPAddress.InUse", message));
        }
        self.addresses.remove(id);
        self.register.remove(id);
        Ok(ReleaseAddressOutput::builder().build())
    }
}
