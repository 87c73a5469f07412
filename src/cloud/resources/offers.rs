//! What AWS has on offer: images, types of servers, default networks.
//!
//! Asked only when something is to be created or resized.

use std::collections::BTreeMap;

use aws_sdk_ec2::operation::describe_images::DescribeImagesInput;
use aws_sdk_ec2::operation::describe_instance_type_offerings::DescribeInstanceTypeOfferingsInput;
use aws_sdk_ec2::operation::describe_instance_types::DescribeInstanceTypesInput;
use aws_sdk_ec2::operation::describe_subnets::DescribeSubnetsInput;
use aws_sdk_ec2::operation::describe_vpcs::DescribeVpcsInput;
use aws_sdk_ec2::types::{EnaSupport, Image as Ec2Image, InstanceType, LocationType};

use crate::cloud::api::{CallError, Read};

use super::ec2_tags::filter;
use super::pages::Pages;
use super::policy::canonical;

/// An image to start a server from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Image {
    /// Its id.
    pub id: String,
    /// Its name.
    pub name: String,
    /// The name of the device that it boots from.
    pub root_device: String,
    /// Its architecture, `x86_64` or `arm64`.
    pub architecture: String,
    /// The size of the volume that it brings, in GiB.
    pub size: i64,
}

/// What is known of a type of server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TypeFacts {
    /// The architectures that it runs.
    pub architectures: Vec<String>,
    /// Whether it cannot do without the enhanced network adapter.
    pub ena_required: bool,
}

/// The pattern of the names of a release's images; `None` for an AMI's id.
///
/// The folder tells the kind of disk and changed with 24.04.
fn name_pattern(image: &str, architecture: &str) -> Option<String> {
    let (folder, release) = match image {
        "ubuntu-22.04" => ("hvm-ssd", "jammy-22.04"),
        "ubuntu-24.04" => ("hvm-ssd-gp3", "noble-24.04"),
        "ubuntu-26.04" => ("hvm-ssd-gp3", "resolute-26.04"),
        _ => return None,
    };
    let architecture = match architecture {
        "arm64" => "arm64",
        _ => "amd64",
    };
    Some(format!(
        "ubuntu/images/{folder}/ubuntu-{release}-{architecture}-server-*"
    ))
}

/// The plan's word for an image of Canonical's, by its name.
pub fn release_of(name: &str) -> Option<&'static str> {
    let releases = ["ubuntu-22.04", "ubuntu-24.04", "ubuntu-26.04"];
    releases.into_iter().find(|release| {
        let number = release.trim_start_matches("ubuntu-");
        name.starts_with("ubuntu/images/") && name.contains(&format!("-{number}-"))
    })
}

/// Finds the newest image of a release, or the image of an id.
pub async fn image(
    cloud: &dyn Read,
    region: &str,
    image: &str,
    architecture: &str,
) -> Result<Option<Image>, CallError> {
    let input = match name_pattern(image, architecture) {
        Some(pattern) => DescribeImagesInput::builder()
            .owners(match canonical(region) {
                Some(owner) => owner,
                None => return Ok(None),
            })
            .filters(filter("name", [pattern]))
            .filters(filter("state", ["available"])),
        None => DescribeImagesInput::builder().image_ids(image),
    };
    let images = match cloud.describe_images(input).await {
        Ok(output) => output.images.unwrap_or_default(),
        Err(error) if error.code().starts_with("InvalidAMIID") => return Ok(None),
        Err(error) => return Err(error),
    };
    let newest = images.into_iter().max_by(|one, other| {
        (one.creation_date(), one.name()).cmp(&(other.creation_date(), other.name()))
    });
    Ok(newest.map(read_image))
}

fn read_image(image: Ec2Image) -> Image {
    let root = image.root_device_name().unwrap_or("/dev/sda1");
    let mut mappings = image.block_device_mappings().iter();
    let mapping = mappings.find(|mapping| mapping.device_name() == Some(root));
    let size = mapping
        .and_then(|mapping| mapping.ebs())
        .and_then(|disk| disk.volume_size());
    Image {
        id: image.image_id().unwrap_or_default().to_owned(),
        name: image.name().unwrap_or_default().to_owned(),
        root_device: root.to_owned(),
        architecture: image
            .architecture()
            .map(|architecture| architecture.as_str().to_owned())
            .unwrap_or_default(),
        size: size.unwrap_or_default().into(),
    }
}

/// Asks about types of servers; a type that does not exist here is left out.
pub async fn type_facts(
    cloud: &dyn Read,
    types: &[&str],
) -> Result<BTreeMap<String, TypeFacts>, CallError> {
    let types = types.iter().map(|name| InstanceType::from(*name)).collect();
    let input = DescribeInstanceTypesInput::builder().set_instance_types(Some(types));
    let output = match cloud.describe_instance_types(input).await {
        Ok(output) => output,
        Err(error) if error.code() == "InvalidInstanceType" => return Ok(BTreeMap::new()),
        Err(error) => return Err(error),
    };
    let facts = output.instance_types().iter().filter_map(|info| {
        let architectures = info.processor_info()?.supported_architectures().iter();
        let ena = info
            .network_info()
            .and_then(|network| network.ena_support());
        let facts = TypeFacts {
            architectures: architectures.map(|one| one.as_str().to_owned()).collect(),
            ena_required: ena == Some(&EnaSupport::Required),
        };
        Some((info.instance_type()?.as_str().to_owned(), facts))
    });
    Ok(facts.collect())
}

/// The availability zones of the region in which a type is sold.
pub async fn zones_with(cloud: &dyn Read, instance_type: &str) -> Result<Vec<String>, CallError> {
    let mut zones = Vec::new();
    let mut token = None;
    let mut pages = Pages::of("ec2", "DescribeInstanceTypeOfferings");
    loop {
        let input = DescribeInstanceTypeOfferingsInput::builder()
            .location_type(LocationType::AvailabilityZone)
            .filters(filter("instance-type", [instance_type]))
            .set_next_token(token);
        let page = cloud.describe_instance_type_offerings(input).await?;
        let offerings = page.instance_type_offerings.unwrap_or_default().into_iter();
        zones.extend(offerings.filter_map(|offering| offering.location));
        token = pages.next(page.next_token)?;
        if token.is_none() {
            zones.sort();
            return Ok(zones);
        }
    }
}

/// Whether a zone is one of the region's own: Local Zones and Wavelength Zones lie elsewhere, cost more, and have neither
/// all types nor the same network ("AWS Availability Zones").
pub fn is_of_region(zone: &str, region: &str) -> bool {
    let rest = zone.strip_prefix(region);
    rest.is_some_and(|rest| {
        rest.len() == 1 && rest.bytes().all(|letter| letter.is_ascii_lowercase())
    })
}

/// The region's default VPC, if the account still has it.
pub async fn default_vpc(cloud: &dyn Read) -> Result<Option<String>, CallError> {
    let input = DescribeVpcsInput::builder().filters(filter("is-default", ["true"]));
    let vpcs = cloud.describe_vpcs(input).await?.vpcs.unwrap_or_default();
    Ok(vpcs.into_iter().find_map(|vpc| vpc.vpc_id))
}

/// The default subnets by their availability zones.
pub async fn default_subnets(cloud: &dyn Read) -> Result<BTreeMap<String, String>, CallError> {
    let input = DescribeSubnetsInput::builder().filters(filter("default-for-az", ["true"]));
    let subnets = cloud
        .describe_subnets(input)
        .await?
        .subnets
        .unwrap_or_default();
    let pairs = subnets.into_iter();
    Ok(pairs
        .filter_map(|subnet| Some((subnet.availability_zone?, subnet.subnet_id?)))
        .collect())
}

/// Where a subnet is.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SubnetFacts {
    /// Its availability zone.
    pub zone: String,
    /// The id of its VPC.
    pub vpc: String,
}

/// Where a subnet is; `None` where there is no such subnet.
pub async fn subnet_facts(cloud: &dyn Read, id: &str) -> Result<Option<SubnetFacts>, CallError> {
    let input = DescribeSubnetsInput::builder().subnet_ids(id);
    match cloud.describe_subnets(input).await {
        Ok(output) => {
            let mut subnets = output.subnets.unwrap_or_default().into_iter();
            Ok(subnets.next().map(|subnet| SubnetFacts {
                zone: subnet.availability_zone.unwrap_or_default(),
                vpc: subnet.vpc_id.unwrap_or_default(),
            }))
        }
        Err(error) if error.code() == "InvalidSubnetID.NotFound" => Ok(None),
        Err(error) => Err(error),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The names are those of `aws ec2 describe-availability-zones --all-availability-zones`.
    #[test]
    fn local_and_wavelength_zones_are_not_the_regions_own() {
        for (zone, is_own) in [
            ("us-west-2a", true),
            ("us-west-2-lax-1a", false),
            ("us-west-2-wl1-las-wlz-1", false),
            ("us-east-1a", false),
            ("us-west-2", false),
        ] {
            assert_eq!(is_of_region(zone, "us-west-2"), is_own, "{zone}");
        }
    }
}
