//! What is in every account before anything is made.

use aws_sdk_ec2::types::ArchitectureValues;

use super::ec2::Image;
use super::world::World;

/// The account that publishes Ubuntu's images.
const CANONICAL: &str = "099720109477";

/// Ubuntu's releases: code name, version, storage in the image's name, and
/// whether the image asks for version 2 of the metadata service.
const RELEASES: [(&str, &str, &str, bool); 3] = [
    ("jammy", "22.04", "hvm-ssd", false),
    ("noble", "24.04", "hvm-ssd-gp3", true),
    ("resolute", "26.04", "hvm-ssd-gp3", true),
];

const DATES: [(&str, &str); 2] = [("20260712", "2026-07-12"), ("20260915", "2026-09-15")];

impl World {
    /// Publishes Canonical's images in this region, and an old one without ENA.
    pub fn preset_images(&mut self) {
        let architectures = [
            ("amd64", ArchitectureValues::X8664),
            ("arm64", ArchitectureValues::Arm64),
        ];
        for (codename, version, storage, tokens) in RELEASES {
            for (short, architecture) in &architectures {
                for (date, day) in DATES {
                    let name = format!(
                        "ubuntu/images/{storage}/ubuntu-{codename}-{version}-{short}-server-{date}"
                    );
                    self.publish(CANONICAL, name, day, architecture.clone(), (true, tokens));
                }
            }
        }
        let name = "legacy/images/hvm-without-ena-amd64".to_owned();
        let architecture = ArchitectureValues::X8664;
        self.publish(
            "111122223333",
            name,
            "2014-06-01",
            architecture,
            (false, false),
        );
    }

    fn publish(
        &mut self,
        owner: &str,
        name: String,
        day: &str,
        architecture: ArchitectureValues,
        (ena, metadata_tokens): (bool, bool),
    ) {
        let image = Image {
            id: self.register.next_id("ami-"),
            region: self.register.region.clone(),
            owner: owner.to_owned(),
            name,
            created: format!("{day}T06:00:00.000Z"),
            architecture,
            ena,
            metadata_tokens,
            snapshot: self.register.next_id("snap-"),
        };
        self.images.push(image);
    }

    /// Makes the default VPC: three subnets, a gateway and a route to it.
    ///
    /// Source: Amazon VPC User Guide, "Default VPCs".
    pub fn preset_network(&mut self) {
        let Ok(cidr) = "172.31.0.0/16".parse() else {
            return;
        };
        let vpc = self.add_vpc(cidr, true, super::register::Tags::new());
        let gateway = self.add_gateway(Some(&vpc), super::register::Tags::new());
        self.route_main_table(&vpc, &gateway);
        for (block, zone) in ["172.31.0.0/20", "172.31.16.0/20", "172.31.32.0/20"]
            .iter()
            .zip(["a", "b", "c"])
        {
            if let Ok(cidr) = block.parse() {
                let zone = format!("{}{zone}", self.register.region);
                self.add_subnet(&vpc, &zone, cidr, true, super::register::Tags::new());
            }
        }
    }

    /// Makes the private zones that the options ask for.
    pub fn preset_zones(&mut self) {
        for name in self.options.private_zones.clone() {
            let reference = format!("preset/{name}");
            self.add_zone(&name, &reference, None, true);
        }
    }
}
