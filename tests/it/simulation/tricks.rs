//! Defects made on purpose: if the checks do not notice these, they notice nothing.

use aws_sdk_ec2::operation::delete_key_pair::DeleteKeyPairInput;
use aws_sdk_ec2::operation::delete_tags::DeleteTagsInput;
use aws_sdk_ec2::operation::describe_addresses::DescribeAddressesInput;
use aws_sdk_ec2::operation::release_address::ReleaseAddressInput;
use aws_sdk_ec2::types::Tag;
use labctl::cloud::api::{Call, Cloud, Read};

use crate::memory_cloud::faulty::Fault;

use super::hands::at_once;
use super::sim::{Sim, ours};

/// What is wrong with the last run, in which nothing else goes wrong.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Trick {
    /// Each call that makes something without a token makes it twice.
    MakesTwice,
    /// What was made loses the tag that says which resource it is.
    ForgetsTag,
    /// A key pair of somebody else's is deleted with the lab's own first write.
    DeletesForeign,
    /// A tag of somebody else's is taken off with the lab's own first write.
    TakesForeignTag,
    /// The server is ended as if that were nothing.
    EndsServer,
    /// The destroy releases an address of somebody else's too.
    ReleasesForeign,
}

impl Trick {
    pub const ALL: [Self; 6] = [
        Self::MakesTwice,
        Self::ForgetsTag,
        Self::DeletesForeign,
        Self::TakesForeignTag,
        Self::EndsServer,
        Self::ReleasesForeign,
    ];

    pub fn decide(self, call: Call) -> Fault {
        const MAKING: [&str; 4] = [
            "AllocateAddress",
            "CreateVpc",
            "CreateSubnet",
            "CreateInternetGateway",
        ];
        match self {
            Self::MakesTwice if MAKING.contains(&call.operation) => Fault::Repeat,
            _ => Fault::Pass,
        }
    }

    pub fn done(self, sim: &Sim, call: Call) {
        if !call.writes {
            return;
        }
        let did = match self {
            Self::MakesTwice => None,
            Self::ForgetsTag => forget_tag(sim, call),
            Self::DeletesForeign => {
                let input = DeleteKeyPairInput::builder().key_name("somebodys-key");
                at_once(sim.memory.delete_key_pair(input)).map(drop)
            }
            Self::TakesForeignTag => take_tag(sim),
            Self::EndsServer => {
                let now = sim.memory.snapshot();
                ours(&now, sim, "instance")
                    .first()
                    .map(|server| sim.memory.terminate_behind_our_back(&server.id))
            }
            Self::ReleasesForeign => release_foreign(sim, call),
        };
        if did.is_some() {
            sim.log(|| format!("    the trick: {self:?}"));
        }
    }
}

fn forget_tag(sim: &Sim, call: Call) -> Option<()> {
    let kind = match call.operation {
        "AllocateAddress" => "elastic-ip",
        "CreateSecurityGroup" => "security-group",
        "RunInstances" => "instance",
        _ => return None,
    };
    let now = sim.memory.snapshot();
    let id = &ours(&now, sim, kind).first()?.id;
    let tag = Tag::builder().key("labctl:resource").build();
    let input = DeleteTagsInput::builder().resources(id).tags(tag);
    at_once(sim.memory.delete_tags(input)).map(drop)
}

fn take_tag(sim: &Sim) -> Option<()> {
    let tags = sim.foreign_tags.borrow();
    let (id, key, _) = tags.iter().find(|(id, ..)| !id.starts_with("arn:"))?;
    let tag = Tag::builder().key(key).build();
    let input = DeleteTagsInput::builder().resources(id).tags(tag);
    at_once(sim.memory.delete_tags(input)).map(drop)
}

/// Releases an address that others hold.
fn release_foreign(sim: &Sim, call: Call) -> Option<()> {
    if call.operation != "DeleteKeyPair" {
        return None;
    }
    let output = at_once(
        sim.memory
            .describe_addresses(DescribeAddressesInput::builder()),
    )?;
    let foreign = sim.foreign.borrow();
    let mut ids = output
        .addresses()
        .iter()
        .filter_map(|address| address.allocation_id());
    let id = ids.find(|id| foreign.contains_key(&("elastic-ip".to_owned(), (*id).to_owned())))?;
    at_once(
        sim.memory
            .release_address(ReleaseAddressInput::builder().allocation_id(id)),
    )
    .map(drop)
}
