//! Instance types, and the zones in which they are offered.
//!
//! Sources: EC2 API Reference, "DescribeInstanceTypes" and
//! "DescribeInstanceTypeOfferings"; EC2 User Guide, "Enable enhanced networking
//! with ENA".

use aws_sdk_ec2::operation::{
    describe_instance_type_offerings::{
        DescribeInstanceTypeOfferingsInput, DescribeInstanceTypeOfferingsOutput,
    },
    describe_instance_types::{DescribeInstanceTypesInput, DescribeInstanceTypesOutput},
};
use aws_sdk_ec2::types::{
    ArchitectureType, EnaSupport, InstanceType, InstanceTypeInfo, InstanceTypeOffering,
    LocationType, MemoryInfo, NetworkInfo, ProcessorInfo, VCpuInfo,
};

use super::super::filters::{Filters, limit, page, values};
use super::super::refusal::{Answer, refuse};
use super::super::world::World;

/// What is known of an instance type.
#[derive(Debug)]
pub struct Facts {
    pub name: &'static str,
    architectures: &'static [&'static str],
    /// What AWS says of ENA: unsupported, supported or required.
    ena: &'static str,
    pub vcpus: i32,
    memory: i64,
    /// The last letters of the zones that offer it.
    zones: &'static str,
}

const fn intel(name: &'static str, ena: &'static str, vcpus: i32, memory: i64) -> Facts {
    Facts {
        name,
        architectures: &["x86_64"],
        ena,
        vcpus,
        memory,
        zones: "abc",
    }
}

const fn arm(name: &'static str, vcpus: i32, memory: i64, zones: &'static str) -> Facts {
    Facts {
        name,
        architectures: &["arm64"],
        ena: "required",
        vcpus,
        memory,
        zones,
    }
}

const TYPES: [Facts; 19] = [
    intel("c5.large", "required", 2, 4096),
    intel("c7i.2xlarge", "required", 8, 16384),
    Facts {
        architectures: &["i386", "x86_64"],
        ..intel("m1.small", "unsupported", 1, 1740)
    },
    Facts {
        zones: "a",
        ..intel("m5.large", "required", 2, 8192)
    },
    arm("m7g.large", 2, 8192, "abc"),
    intel("m7i.large", "required", 2, 8192),
    intel("r5.large", "required", 2, 16384),
    intel("r7i.xlarge", "required", 4, 32768),
    intel("t2.medium", "unsupported", 2, 4096),
    intel("t2.micro", "unsupported", 1, 1024),
    intel("t2.small", "unsupported", 1, 2048),
    intel("t3.large", "required", 2, 8192),
    intel("t3.medium", "required", 2, 4096),
    intel("t3.micro", "required", 2, 1024),
    intel("t3.nano", "required", 2, 512),
    intel("t3.small", "required", 2, 2048),
    arm("t4g.medium", 2, 4096, "ab"),
    arm("t4g.micro", 2, 1024, "ab"),
    arm("t4g.small", 2, 2048, "ab"),
];

/// Finds an instance type by its name.
pub fn facts(name: &str) -> Option<&'static Facts> {
    TYPES.iter().find(|facts| facts.name == name)
}

impl Facts {
    /// Whether the type runs images of an architecture.
    pub fn runs(&self, architecture: &str) -> bool {
        self.architectures.contains(&architecture)
    }

    /// The architecture that messages name.
    pub fn architecture(&self) -> &'static str {
        self.architectures.last().unwrap_or(&"x86_64")
    }

    /// Whether instances of the type need ENA.
    pub fn needs_ena(&self) -> bool {
        self.ena == "required"
    }

    /// Whether the free plan has the type.
    pub fn is_free(&self) -> bool {
        matches!(
            self.name,
            "t3.micro" | "t3.small" | "t4g.micro" | "t4g.small"
        )
    }

    /// Whether a zone offers the type.
    pub fn is_in(&self, zone: &str) -> bool {
        zone.chars()
            .next_back()
            .is_some_and(|letter| self.zones.contains(letter))
    }

    fn view(&self) -> InstanceTypeInfo {
        let architectures = self
            .architectures
            .iter()
            .copied()
            .map(ArchitectureType::from);
        let processor = ProcessorInfo::builder();
        let processor = processor.set_supported_architectures(Some(architectures.collect()));
        InstanceTypeInfo::builder()
            .instance_type(InstanceType::from(self.name))
            .current_generation(!self.name.starts_with("m1"))
            .free_tier_eligible(self.is_free())
            .bare_metal(false)
            .processor_info(processor.build())
            .v_cpu_info(VCpuInfo::builder().default_v_cpus(self.vcpus).build())
            .memory_info(MemoryInfo::builder().size_in_mib(self.memory).build())
            .network_info(
                NetworkInfo::builder()
                    .ena_support(EnaSupport::from(self.ena))
                    .build(),
            )
            .build()
    }
}

const FILTERS: Filters<InstanceTypeInfo> = Filters {
    fields: &[
        ("bare-metal", |one| values(one.bare_metal())),
        ("current-generation", |one| values(one.current_generation())),
        ("free-tier-eligible", |one| values(one.free_tier_eligible())),
        ("instance-type", |one| values(one.instance_type())),
        ("memory-info.size-in-mib", |one| {
            values(one.memory_info().and_then(MemoryInfo::size_in_mib))
        }),
        ("network-info.ena-support", |one| {
            values(one.network_info().and_then(NetworkInfo::ena_support))
        }),
        ("processor-info.supported-architecture", |one| {
            let processor = one.processor_info().into_iter();
            processor
                .flat_map(ProcessorInfo::supported_architectures)
                .map(ToString::to_string)
                .collect()
        }),
        ("vcpu-info.default-vcpus", |one| {
            values(one.v_cpu_info().and_then(VCpuInfo::default_v_cpus))
        }),
    ],
    tags: |_| &[],
};

const OFFERING_FILTERS: Filters<InstanceTypeOffering> = Filters {
    fields: &[
        ("instance-type", |one| values(one.instance_type())),
        ("location", |one| values(one.location())),
    ],
    tags: |_| &[],
};

impl World {
    pub fn describe_instance_types(
        &self,
        input: &DescribeInstanceTypesInput,
    ) -> Answer<DescribeInstanceTypesOutput> {
        let names = input.instance_types();
        let unknown: Vec<&str> = names
            .iter()
            .map(InstanceType::as_str)
            .filter(|name| facts(name).is_none())
            .collect();
        if !unknown.is_empty() {
            let names = unknown.join(", ");
            let message = format!("The following supplied instance types do not exist: [{names}]");
            return Err(refuse("InvalidInstanceType", message));
        }
        let is_named = |facts: &&Facts| {
            names.is_empty() || names.iter().any(|name| name.as_str() == facts.name)
        };
        let rows = TYPES.iter().filter(is_named).map(Facts::view).collect();
        let rows = FILTERS.select(rows, input.filters())?;
        let (rows, next) = page(rows, limit(input.max_results())?, input.next_token())?;
        let answer = DescribeInstanceTypesOutput::builder().set_instance_types(Some(rows));
        Ok(answer.set_next_token(next).build())
    }

    /// Lists offerings by region, or by zone where the call asks for zones.
    pub fn describe_instance_type_offerings(
        &self,
        input: &DescribeInstanceTypeOfferingsInput,
    ) -> Answer<DescribeInstanceTypeOfferingsOutput> {
        let by = input
            .location_type()
            .cloned()
            .unwrap_or(LocationType::Region);
        let locations = match &by {
            LocationType::Region => vec![self.register.region.clone()],
            LocationType::AvailabilityZone => self.zones_here(),
            other => {
                let message = format!("Location type '{other}' is not supported here.");
                return Err(refuse("InvalidParameterValue", message));
            }
        };
        let mut rows = Vec::new();
        for facts in &TYPES {
            for location in &locations {
                if by == LocationType::Region || facts.is_in(location) {
                    let row = InstanceTypeOffering::builder().location(location);
                    let row = row.instance_type(InstanceType::from(facts.name));
                    rows.push(row.location_type(by.clone()).build());
                }
            }
        }
        let rows = OFFERING_FILTERS.select(rows, input.filters())?;
        let (rows, next) = page(rows, limit(input.max_results())?, input.next_token())?;
        let answer = DescribeInstanceTypeOfferingsOutput::builder();
        Ok(answer
            .set_instance_type_offerings(Some(rows))
            .set_next_token(next)
            .build())
    }

    /// Refuses when there is no capacity for a type, or the account has used up
    /// its vCPUs.
    pub fn check_capacity(&self, facts: &Facts, zone: &str, count: i32) -> Answer<()> {
        let name = facts.name;
        let is_scarce_here = self.scarce.contains(&format!("{name} in {zone}"));
        if self.scarce.contains(name) || is_scarce_here {
            return Err(super::super::refusal::refuse_with(
                500,
                "InsufficientInstanceCapacity",
                format!(
                    "We currently do not have sufficient {name} capacity in the Availability Zone \
                     you requested ({zone}). Our system will be working on provisioning \
                     additional capacity. You can currently get {name} capacity by not \
                     specifying an Availability Zone in your request or choosing us-east-1b, us-east-1c."
                ),
            ));
        }
        let limit = self.options.vcpus;
        if self.running_vcpus() + facts.vcpus * count > limit {
            return Err(refuse(
                "VcpuLimitExceeded",
                format!(
                    "You have requested more vCPU capacity than your current vCPU limit of \
                     {limit} allows for the instance bucket that the specified instance type \
                     belongs to. Please visit http://aws.amazon.com/contact-us/ec2-request to \
                     request an adjustment to this limit."
                ),
            ));
        }
        Ok(())
    }

    fn running_vcpus(&self) -> i32 {
        let here = self.register.all(&self.instances);
        let running = here.filter(|(_, instance)| instance.state.counts());
        running.map(|(_, instance)| instance.facts.vcpus).sum()
    }
}
