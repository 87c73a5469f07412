//! What EC2 calls things: regions, images, instance and volume types, ids.

use std::fmt;
use std::str::FromStr;

use super::{Invalid, text};
use crate::plan::suggest;

text! {
    /// An AWS region.
    Region;
    /// An availability zone of a region.
    AvailabilityZone;
    /// The id of a machine image.
    AmiId;
    /// The id of a virtual network.
    VpcId;
    /// The id of a subnet.
    SubnetId;
    /// The type of an EC2 instance: a family and a size.
    InstanceType;
}

/// The regions known when this was written ("AWS Regions" in the AWS Global Infrastructure guide); for proposals only.
const REGIONS: [&str; 39] = [
    "af-south-1",
    "ap-east-1",
    "ap-east-2",
    "ap-northeast-1",
    "ap-northeast-2",
    "ap-northeast-3",
    "ap-south-1",
    "ap-south-2",
    "ap-southeast-1",
    "ap-southeast-2",
    "ap-southeast-3",
    "ap-southeast-4",
    "ap-southeast-5",
    "ap-southeast-6",
    "ap-southeast-7",
    "ca-central-1",
    "ca-west-1",
    "cn-north-1",
    "cn-northwest-1",
    "eu-central-1",
    "eu-central-2",
    "eu-north-1",
    "eu-south-1",
    "eu-south-2",
    "eu-west-1",
    "eu-west-2",
    "eu-west-3",
    "eusc-de-east-1",
    "il-central-1",
    "me-central-1",
    "me-south-1",
    "mx-central-1",
    "sa-east-1",
    "us-east-1",
    "us-east-2",
    "us-gov-east-1",
    "us-gov-west-1",
    "us-west-1",
    "us-west-2",
];

impl FromStr for Region {
    type Err = Invalid;

    fn from_str(text: &str) -> Result<Self, Invalid> {
        let parts: Vec<&str> = text.split('-').collect();
        let word =
            |part: &&str| part.len() >= 2 && part.bytes().all(|letter| letter.is_ascii_lowercase());
        if let [area, places @ .., number] = parts.as_slice()
            && [area].into_iter().chain(places).all(word)
            && (1..=2).contains(&places.len())
            && number.len() == 1
            && number.bytes().all(|digit| (b'1'..=b'9').contains(&digit))
        {
            return Ok(Self(text.to_owned()));
        }
        let zone = text
            .strip_suffix(|last: char| last.is_ascii_lowercase())
            .filter(|region| REGIONS.contains(region));
        let help = match zone.or_else(|| suggest::nearest(&text.to_ascii_lowercase(), REGIONS)) {
            Some(region) => format!("did you mean `{region}`?"),
            None => "write an area, a place and a number, such as `us-east-1` or `eu-central-1`"
                .to_owned(),
        };
        let reason = if zone.is_some() {
            "it is an availability zone inside a region"
        } else {
            "it does not have the form `us-east-1`"
        };
        Err(Invalid::new(reason, help))
    }
}

impl FromStr for AvailabilityZone {
    type Err = Invalid;

    /// Zones of a region end with a letter; Local Zones and Wavelength Zones have a place in between ("AWS Availability
    /// Zones", `us-west-2-lax-1a`).
    fn from_str(text: &str) -> Result<Self, Invalid> {
        let allowed =
            |letter: char| letter.is_ascii_lowercase() || letter.is_ascii_digit() || letter == '-';
        let region = text.trim_end_matches(|last: char| last.is_ascii_lowercase());
        let is_one = text.len() == region.len() + 1
            && text.chars().all(allowed)
            && (region.parse::<Region>().is_ok() || text.split('-').count() > 4)
            || text.contains("-wl") && text.chars().all(allowed);
        match is_one {
            true => Ok(Self(text.to_owned())),
            false => Err(Invalid::new(
                "it does not have the form `us-east-1a`",
                "write the region with the letter of a zone; `aws ec2 describe-availability-zones` lists them",
            )),
        }
    }
}

impl AvailabilityZone {
    /// Says whether it lies in a region.
    pub fn is_in(&self, region: &Region) -> bool {
        self.0.strip_prefix(region.as_str()).is_some_and(|rest| {
            rest.starts_with('-') || rest.bytes().all(|letter| letter.is_ascii_lowercase())
        })
    }
}

impl Region {
    /// Finds the known region that was perhaps meant, when this one is not known.
    pub fn nearest_known(&self) -> Option<&'static str> {
        if REGIONS.contains(&self.as_str()) {
            None
        } else {
            suggest::nearest(self.as_str(), REGIONS)
        }
    }
}

/// Checks an id such as `ami-0abcdef1234567890`: a prefix and 8 or 17 hexadecimal digits.
fn id(text: &str, prefix: &str) -> Result<String, Invalid> {
    let digits = text
        .strip_prefix(prefix)
        .and_then(|rest| rest.strip_prefix('-'))
        .unwrap_or_default();
    if [8, 17].contains(&digits.len())
        && digits
            .bytes()
            .all(|digit| matches!(digit, b'0'..=b'9' | b'a'..=b'f'))
    {
        return Ok(text.to_owned());
    }
    let reason = format!("it is not `{prefix}-` with 8 or 17 of `0`-`9` and `a`-`f`");
    Err(Invalid::new(
        reason,
        format!("copy the id from the AWS console, such as `{prefix}-0123456789abcdef0`"),
    ))
}

impl FromStr for AmiId {
    type Err = Invalid;

    fn from_str(text: &str) -> Result<Self, Invalid> {
        id(text, "ami").map(Self)
    }
}

impl FromStr for VpcId {
    type Err = Invalid;

    fn from_str(text: &str) -> Result<Self, Invalid> {
        id(text, "vpc").map(Self)
    }
}

impl FromStr for SubnetId {
    type Err = Invalid;

    fn from_str(text: &str) -> Result<Self, Invalid> {
        id(text, "subnet").map(Self)
    }
}

/// The operating system that a new server starts with.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Image {
    /// The newest Ubuntu 22.04 LTS.
    Ubuntu2204,
    /// The newest Ubuntu 24.04 LTS.
    Ubuntu2404,
    /// The newest Ubuntu 26.04 LTS.
    Ubuntu2604,
    /// One image, by its id.
    Ami(AmiId),
}

const UBUNTU: [(&str, Image); 3] = [
    ("ubuntu-22.04", Image::Ubuntu2204),
    ("ubuntu-24.04", Image::Ubuntu2404),
    ("ubuntu-26.04", Image::Ubuntu2604),
];

impl FromStr for Image {
    type Err = Invalid;

    fn from_str(text: &str) -> Result<Self, Invalid> {
        if text.starts_with("ami-") {
            return text.parse().map(Self::Ami);
        }
        UBUNTU.into_iter().find(|(word, _)| *word == text).map(|(_, image)| image).ok_or_else(|| {
            let help = match suggest::nearest(&text.to_ascii_lowercase(), UBUNTU.map(|(word, _)| word)) {
                Some(word) => format!("did you mean `{word}`?"),
                None => "write `ubuntu-24.04`, `ubuntu-22.04`, `ubuntu-26.04` or the id of an image, `ami-…`".to_owned(),
            };
            Invalid::new("labctl does not know it", help)
        })
    }
}

impl fmt::Display for Image {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self, UBUNTU.iter().find(|(_, image)| image == self)) {
            (_, Some((word, _))) => formatter.write_str(word),
            (Self::Ami(id), _) => id.fmt(formatter),
            _ => Ok(()),
        }
    }
}

const SIZES: [&str; 7] = [
    "nano", "micro", "small", "medium", "large", "xlarge", "metal",
];

impl FromStr for InstanceType {
    type Err = Invalid;

    /// The parts are those of "Amazon EC2 instance type naming conventions" in the EC2 Instance Types guide.
    fn from_str(text: &str) -> Result<Self, Invalid> {
        let help = "write a family, a dot and a size, such as `t3.micro` (1 GiB), `t3.large` (8 GiB) or `m7i.2xlarge`".to_owned();
        let Some((family, size)) = text.split_once('.') else {
            return Err(Invalid::new("it has no dot between family and size", help));
        };
        let allowed =
            |letter: char| letter.is_ascii_lowercase() || letter.is_ascii_digit() || letter == '-';
        if !family.starts_with(|first: char| first.is_ascii_lowercase())
            || !family.contains(|letter: char| letter.is_ascii_digit())
            || !family.chars().all(allowed)
        {
            return Err(Invalid::new(
                format!("`{family}` is not an instance family"),
                help,
            ));
        }
        let numbered = |size: &str| {
            size.strip_suffix("xlarge")
                .is_some_and(|number| number.parse::<u16>().is_ok_and(|number| number > 1))
        };
        let metal = |size: &str| {
            size.strip_prefix("metal-")
                .and_then(|rest| rest.strip_suffix("xl"))
                .is_some_and(|number| number.parse::<u16>().is_ok())
        };
        if SIZES.contains(&size) || numbered(size) || metal(size) {
            return Ok(Self(text.to_owned()));
        }
        let help = match suggest::nearest(&size.to_ascii_lowercase(), SIZES) {
            Some(near) => format!("did you mean `{family}.{near}`?"),
            None => help,
        };
        Err(Invalid::new(format!("`{size}` is not a size"), help))
    }
}

impl InstanceType {
    /// Says whether the server has at most 1 GiB of memory.
    pub fn is_tiny(&self) -> bool {
        self.0.starts_with('t') && (self.0.ends_with(".nano") || self.0.ends_with(".micro"))
    }

    /// Says whether its processor is Amazon's own, of the architecture arm64: a `g` behind the generation (Amazon EC2
    /// documentation, "Instance type naming conventions"), and the first of them, `a1`.
    pub fn is_graviton(&self) -> bool {
        let family = self.0.split('.').next().unwrap_or_default();
        let is_digit = |letter: char| letter.is_ascii_digit();
        let behind = family.find(is_digit).map(|at| &family[at..]);
        let options = behind.map(|rest| rest.trim_start_matches(is_digit));
        family == "a1" || options.is_some_and(|options| options.contains('g'))
    }
}

/// The kind of disk that the server starts from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum VolumeType {
    /// General purpose SSD of the third generation.
    #[default]
    Gp3,
    /// General purpose SSD of the second generation.
    Gp2,
    /// Magnetic disk of the previous generation.
    Standard,
}

impl VolumeType {
    /// Gives Amazon's word for it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Gp3 => "gp3",
            Self::Gp2 => "gp2",
            Self::Standard => "standard",
        }
    }

    /// Gives the largest size of such a disk in GiB ("Amazon EBS volume types" in the EBS User Guide).
    pub fn largest(self) -> u32 {
        match self {
            Self::Gp3 => 65_536,
            Self::Gp2 => 16_384,
            Self::Standard => 1_024,
        }
    }
}

impl fmt::Display for VolumeType {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.as_str())
    }
}

impl FromStr for VolumeType {
    type Err = Invalid;

    fn from_str(text: &str) -> Result<Self, Invalid> {
        let reason = match text {
            "gp3" => return Ok(Self::Gp3),
            "gp2" => return Ok(Self::Gp2),
            "standard" => return Ok(Self::Standard),
            "st1" | "sc1" => "a server cannot start from a disk of this type",
            "io1" | "io2" => "its paid operations per second cannot be set in a plan",
            _ => "labctl does not know it",
        };
        Err(Invalid::new(
            reason,
            "write `gp3` (the usual one), `gp2` or `standard`",
        ))
    }
}

#[cfg(test)]
mod tests {
    use super::InstanceType;

    #[test]
    fn the_processor_is_told_by_the_letters_behind_the_generation() {
        let split = |text: &'static str| text.split_whitespace();
        let graviton = "a1.large t4g.micro m6gd.large c7gn.xlarge r8g.large g5g.xlarge x2gd.large im4gn.large \
             is4gen.large hpc7g.4xlarge m8gb.large";
        let others = "t3.micro t3a.small g4dn.xlarge g5.xlarge gr6.4xlarge m7i-flex.large c5ad.large p4d.24xlarge \
             mac2.metal u-6tb1.metal dl2q.24xlarge inf2.xlarge trn1.2xlarge";
        let told = |name| InstanceType::is_graviton(&InstanceType(String::from(name)));
        assert_eq!(
            split(graviton)
                .filter(|name| !told(*name))
                .collect::<Vec<_>>(),
            [""; 0]
        );
        assert_eq!(
            split(others).filter(|name| told(*name)).collect::<Vec<_>>(),
            [""; 0]
        );
    }
}
