//! What the kinds are given to read with: the read-only cloud, and the answers
//! that several kinds share, asked for once.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;

use aws_sdk_ec2::operation::describe_instances::DescribeInstancesInput;
use aws_sdk_ec2::operation::describe_key_pairs::DescribeKeyPairsOutput;
use aws_sdk_ec2::operation::describe_key_pairs::builders::DescribeKeyPairsInputBuilder;
use aws_sdk_ec2::types::Reservation;
use aws_sdk_iam::operation::get_role::GetRoleOutput;
use aws_sdk_iam::operation::get_role::builders::GetRoleInputBuilder;
use aws_sdk_resourcegroupstagging::operation::get_resources::builders::GetResourcesInputBuilder;
use aws_sdk_resourcegroupstagging::types::TagFilter as ResourceTagFilter;
use aws_sdk_sts::operation::get_caller_identity::builders::GetCallerIdentityInputBuilder;
use tokio::sync::OnceCell;

use crate::cloud::api::{Call, CallError, CallFailure, Read};
use crate::cloud::resource::{Live, Tags, present};

use super::context::Scope;
use super::pages::Pages;
use super::zones::{self, Zones};
use super::{ec2_tags, iam_tags, tags};

/// What reading has: the read-only cloud, and answers that kinds share.
pub struct Reader<'a> {
    /// The cloud.
    pub cloud: &'a dyn Read,
    /// The lab.
    pub scope: &'a Scope,
    account: OnceCell<String>,
    reservations: OnceCell<Vec<Reservation>>,
    key_pairs: OnceCell<DescribeKeyPairsOutput>,
    role: OnceCell<Option<GetRoleOutput>>,
    tagged: OnceCell<Vec<Tagged>>,
    zones: OnceCell<Zones>,
    name_servers: RefCell<BTreeMap<String, Vec<String>>>,
    ended_instances: Cell<u32>,
}

/// A resource that carries the lab's tags, as the tagging service lists it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tagged {
    /// Its ARN.
    pub arn: String,
    /// Its tags.
    pub tags: Tags,
}

impl<'a> Reader<'a> {
    /// Starts reading the lab of `scope`.
    pub fn new(cloud: &'a dyn Read, scope: &'a Scope) -> Self {
        Self {
            cloud,
            scope,
            account: OnceCell::new(),
            reservations: OnceCell::new(),
            key_pairs: OnceCell::new(),
            role: OnceCell::new(),
            tagged: OnceCell::new(),
            zones: OnceCell::new(),
            name_servers: RefCell::default(),
            ended_instances: Cell::new(0),
        }
    }

    /// The account's id: whose the credentials are.
    ///
    /// It comes with the lab's servers, which are asked for anyway and are the account's own alone (a security group
    /// may be another account's, shared with this one); only where there is none does it cost a call.
    ///
    /// # Errors
    /// Of the calls; and an answer that names no account, for without it nobody's bucket can be told from the lab's.
    pub async fn account(&self) -> Result<&str, CallError> {
        let ask = async || {
            let mut servers = self.reservations().await?.iter();
            if let Some(account) = servers.find_map(|one| present(one.owner_id())) {
                return Ok(account.to_owned());
            }
            let input = GetCallerIdentityInputBuilder::default();
            let identity = self.cloud.get_caller_identity(input).await?;
            let account = present(identity.account()).map(str::to_owned);
            account.ok_or_else(nameless)
        };
        self.account.get_or_try_init(ask).await.map(String::as_str)
    }

    /// The lab's servers, those included that have ended and are still listed.
    pub async fn reservations(&self) -> Result<&[Reservation], CallError> {
        let all = self
            .reservations
            .get_or_try_init(|| self.ask_reservations());
        all.await.map(Vec::as_slice)
    }

    async fn ask_reservations(&self) -> Result<Vec<Reservation>, CallError> {
        let mut found = Vec::new();
        let mut token = None;
        let mut pages = Pages::of("ec2", "DescribeInstances");
        loop {
            let input = DescribeInstancesInput::builder()
                .set_filters(ec2_tags::lab_filters(self.scope))
                .set_next_token(token);
            let page = self.cloud.describe_instances(input).await?;
            found.extend(page.reservations.unwrap_or_default());
            token = pages.next(page.next_token)?;
            if token.is_none() {
                return Ok(found);
            }
        }
    }

    /// Notes the name servers that a zone's own record lists.
    pub fn note_name_servers(&self, zone_id: &str, servers: Vec<String>) {
        self.name_servers
            .borrow_mut()
            .insert(zone_id.to_owned(), servers);
    }

    /// The name servers that were noted for a zone.
    pub fn name_servers(&self, zone_id: &str) -> Vec<String> {
        self.name_servers
            .borrow()
            .get(zone_id)
            .cloned()
            .unwrap_or_default()
    }

    /// Notes how many servers of the lab have ended and are still listed.
    pub fn note_ended_instances(&self, count: usize) {
        self.ended_instances
            .set(u32::try_from(count).unwrap_or(u32::MAX));
    }

    /// How many servers of the lab have ended and are still listed.
    pub fn ended_instances(&self) -> u32 {
        self.ended_instances.get()
    }

    /// The lab's zones, of the plan and of a plan before.
    pub async fn zones(&self) -> Result<&Zones, CallError> {
        let ask = || zones::find_all(self.cloud, self.scope, self.notes());
        self.zones.get_or_try_init(ask).await
    }

    /// What is noted on the lab's live key pair; `None` where there is no key pair,
    /// so that nobody knows what the lab has had.
    pub async fn notes(&self) -> Result<Option<Tags>, CallError> {
        let pairs = self.key_pairs().await?.key_pairs().iter();
        Ok(pairs
            .map(|info| ec2_tags::read(info.tags()))
            .find(|tags| tags::is_ours(tags, self.scope)))
    }

    /// Whether there is a role of GitHub Actions to be looked for: in the plan, or of a former plan.
    pub async fn has_github(&self) -> Result<bool, CallError> {
        if self.scope.github {
            return Ok(true);
        }
        let notes = self.notes().await?;
        Ok(notes.is_none_or(|notes| notes.contains_key(tags::GITHUB_NOTE)))
    }

    /// The server's role, whoever made it; `None` where there is none.
    pub async fn role(&self) -> Result<Option<GetRoleOutput>, CallError> {
        let ask = async || get_role(self.cloud, &self.scope.role_name()).await;
        self.role.get_or_try_init(ask).await.cloned()
    }

    /// Whether there is a role of the server's users to be looked for: in the plan, or of a former plan, which is noted
    /// on the server's role. Without that one nobody can use it.
    pub async fn has_users_role(&self) -> Result<bool, CallError> {
        if self.scope.users {
            return Ok(true);
        }
        let role = self.role().await?.and_then(|output| output.role);
        let tags = role.map(|role| iam_tags::read(role.tags()));
        Ok(tags.is_some_and(|tags| {
            tags::is_ours(&tags, self.scope) && tags.contains_key(tags::USERS_NOTE)
        }))
    }

    /// The key pairs of the lab's name, the public key included.
    pub async fn key_pairs(&self) -> Result<&DescribeKeyPairsOutput, CallError> {
        let ask = || {
            let by_name = ec2_tags::filter("key-name", [&self.scope.lab]);
            let input = DescribeKeyPairsInputBuilder::default()
                .filters(by_name)
                .include_public_key(true);
            self.cloud.describe_key_pairs(input)
        };
        self.key_pairs.get_or_try_init(ask).await
    }

    /// What else carries the lab's tags in its region, whatever its kind.
    ///
    /// AWS's tagging service covers EC2 and S3 but not IAM roles, and hosted
    /// zones only in us-east-1 (Resource Groups Tagging API Reference,
    /// "Services that support the Resource Groups Tagging API").
    pub async fn tagged(&self) -> Result<&[Tagged], CallError> {
        let all = self.tagged.get_or_try_init(|| self.ask_tagged()).await?;
        Ok(all)
    }

    async fn ask_tagged(&self) -> Result<Vec<Tagged>, CallError> {
        let mut all = Vec::new();
        let mut token = None;
        let mut pages = Pages::of("tagging", "GetResources");
        loop {
            let filter = |key: &str, value: &str| {
                ResourceTagFilter::builder().key(key).values(value).build()
            };
            let input = GetResourcesInputBuilder::default()
                .tag_filters(filter(tags::LAB_TAG, &self.scope.lab))
                .tag_filters(filter(tags::REGION_TAG, &self.scope.region))
                .set_pagination_token(token);
            let page = self.cloud.get_resources(input).await?;
            for mapping in page.resource_tag_mapping_list.unwrap_or_default() {
                let tags = mapping.tags.unwrap_or_default().into_iter();
                all.push(Tagged {
                    arn: mapping.resource_arn.unwrap_or_default(),
                    tags: tags.map(|tag| (tag.key, tag.value)).collect(),
                });
            }
            token = pages.next(page.pagination_token)?;
            if token.is_none() {
                return Ok(all);
            }
        }
    }

    /// The resources of one ARN type that carry the lab's tags: `vpc`, `subnet`.
    pub async fn tagged_of_type(&self, arn_type: &str) -> Result<Vec<&Tagged>, CallError> {
        let marker = format!(":{arn_type}/");
        let all = self.tagged().await?.iter();
        Ok(all
            .filter(|one| one.arn.contains(&marker) && one.tags.contains_key(tags::RESOURCE_TAG))
            .collect())
    }

    /// The ids of what carries the lab's tags and was not found by its name.
    pub async fn strays<B>(
        &self,
        arn_type: &str,
        found: &[Live<B>],
    ) -> Result<Vec<String>, CallError> {
        let tagged = self.tagged_of_type(arn_type).await?.into_iter();
        let ids = tagged.filter_map(|one| one.arn.rsplit('/').next());
        let is_new = |id: &&str| found.iter().all(|live| live.id != *id);
        Ok(ids.filter(is_new).map(str::to_owned).collect())
    }
}

/// Says that AWS does not tell whose the credentials are.
fn nameless() -> CallError {
    CallError {
        call: Call {
            service: "sts",
            operation: "GetCallerIdentity",
            writes: false,
        },
        failure: CallFailure::Garbled {
            detail: "it names no account".to_owned(),
            body: String::new(),
        },
        request_id: None,
    }
}

/// What IAM answers where something is not there.
pub(super) const NO_SUCH_ENTITY: &str = "NoSuchEntity";

/// Asks for a role; `None` where there is no such role.
pub(super) async fn get_role(
    cloud: &dyn Read,
    name: &str,
) -> Result<Option<GetRoleOutput>, CallError> {
    let input = GetRoleInputBuilder::default().role_name(name);
    found(cloud.get_role(input).await)
}

/// Takes what IAM does not know for nothing.
pub(super) fn found<T>(result: Result<T, CallError>) -> Result<Option<T>, CallError> {
    match result {
        Ok(output) => Ok(Some(output)),
        Err(error) if error.code() == NO_SUCH_ENTITY => Ok(None),
        Err(error) => Err(error),
    }
}
