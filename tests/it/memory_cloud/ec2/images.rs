//! Images.
//!
//! Source: EC2 API Reference, "DescribeImages".

use aws_sdk_ec2::operation::describe_images::{DescribeImagesInput, DescribeImagesOutput};
use aws_sdk_ec2::types::{
    self, ArchitectureValues, BlockDeviceMapping, DeviceType, EbsBlockDevice, HypervisorType,
    ImageState, ImageTypeValues, ImdsSupportValues, VirtualizationType, VolumeType,
};

use super::super::filters::{Filters, limit, page, values};
use super::super::refusal::{Answer, refuse};
use super::super::world::World;

/// The device of every image's root volume.
pub const ROOT_DEVICE: &str = "/dev/sda1";
/// The size of every image's snapshot, in GiB.
pub const SNAPSHOT_SIZE: i32 = 8;

/// A machine image that its owner shares with everybody.
#[derive(Debug, Clone)]
pub struct Image {
    pub id: String,
    pub region: String,
    pub owner: String,
    pub name: String,
    pub created: String,
    pub architecture: ArchitectureValues,
    pub ena: bool,
    /// Whether instances of it ask for version 2 of the metadata service.
    pub metadata_tokens: bool,
    pub snapshot: String,
}

const FILTERS: Filters<types::Image> = Filters {
    fields: &[
        ("architecture", |image| values(image.architecture())),
        ("creation-date", |image| values(image.creation_date())),
        ("ena-support", |image| values(image.ena_support())),
        ("hypervisor", |image| values(image.hypervisor())),
        ("image-id", |image| values(image.image_id())),
        ("image-type", |image| values(image.image_type())),
        ("is-public", |image| values(image.public())),
        ("name", |image| values(image.name())),
        ("owner-alias", |image| values(image.image_owner_alias())),
        ("owner-id", |image| values(image.owner_id())),
        ("root-device-name", |image| values(image.root_device_name())),
        ("root-device-type", |image| values(image.root_device_type())),
        ("state", |image| values(image.state())),
        ("virtualization-type", |image| {
            values(image.virtualization_type())
        }),
    ],
    tags: types::Image::tags,
};

impl World {
    pub fn describe_images(&self, input: &DescribeImagesInput) -> Answer<DescribeImagesOutput> {
        for id in input.image_ids() {
            self.image(id)?;
        }
        let account = self.register.account.as_str();
        let is_owned = |image: &&Image| {
            let is_owner =
                |owner: &String| *owner == image.owner || owner == "self" && image.owner == account;
            input.owners().is_empty() || input.owners().iter().any(is_owner)
        };
        let is_named =
            |image: &&Image| input.image_ids().is_empty() || input.image_ids().contains(&image.id);
        let is_here = |image: &&Image| image.region == self.register.region;
        let rows = self
            .images
            .iter()
            .filter(is_here)
            .filter(is_owned)
            .filter(is_named);
        let rows = FILTERS.select(rows.map(Image::view).collect(), input.filters())?;
        let (rows, next) = page(rows, limit(input.max_results())?, input.next_token())?;
        let answer = DescribeImagesOutput::builder().set_images(Some(rows));
        Ok(answer.set_next_token(next).build())
    }

    /// Finds an image of this region.
    pub fn image(&self, id: &str) -> Answer<&Image> {
        if !id.starts_with("ami-") {
            return Err(refuse(
                "InvalidAMIID.Malformed",
                format!("Invalid id: \"{id}\""),
            ));
        }
        let is_it = |image: &&Image| image.id == id && image.region == self.register.region;
        self.images.iter().find(is_it).ok_or_else(|| {
            refuse(
                "InvalidAMIID.NotFound",
                format!("The image id '[{id}]' does not exist"),
            )
        })
    }
}

impl Image {
    fn view(&self) -> types::Image {
        let disk = EbsBlockDevice::builder()
            .snapshot_id(&self.snapshot)
            .volume_size(SNAPSHOT_SIZE)
            .volume_type(VolumeType::Gp3)
            .delete_on_termination(true)
            .encrypted(false);
        let mapping = BlockDeviceMapping::builder()
            .device_name(ROOT_DEVICE)
            .ebs(disk.build());
        types::Image::builder()
            .image_id(&self.id)
            .name(&self.name)
            .owner_id(&self.owner)
            .creation_date(&self.created)
            .architecture(self.architecture.clone())
            .ena_support(self.ena)
            .set_imds_support(self.metadata_tokens.then_some(ImdsSupportValues::V20))
            .hypervisor(HypervisorType::Xen)
            .image_type(ImageTypeValues::Machine)
            .public(true)
            .root_device_name(ROOT_DEVICE)
            .root_device_type(DeviceType::Ebs)
            .state(ImageState::Available)
            .virtualization_type(VirtualizationType::Hvm)
            .block_device_mappings(mapping.build())
            .set_tags(Some(Vec::new()))
            .build()
    }
}
