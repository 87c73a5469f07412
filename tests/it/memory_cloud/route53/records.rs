//! Records, listed, and the changes of them, awaited.
//!
//! Sources: Route 53 API Reference, "ListResourceRecordSets" (300 a page, by
//! reversed name and type) and "GetChange".

use aws_sdk_route53::operation::{
    get_change::{GetChangeInput, GetChangeOutput},
    list_resource_record_sets::{ListResourceRecordSetsInput, ListResourceRecordSetsOutput},
};
use aws_sdk_route53::types::{ChangeInfo, ChangeStatus, ResourceRecordSet};

use super::super::refusal::{Answer, refuse_with, require};
use super::super::world::World;
use super::invalid_input;
use super::names::{bare, canonical, sort_key};

/// The most records of a page.
const MOST: i32 = 300;

/// Gives what records are sorted by.
pub fn order(set: &ResourceRecordSet) -> (String, String, String) {
    let identifier = set.set_identifier().unwrap_or_default();
    (
        sort_key(set.name()),
        set.r#type().as_str().to_owned(),
        identifier.to_owned(),
    )
}

impl World {
    pub fn list_resource_record_sets(
        &self,
        input: &ListResourceRecordSetsInput,
    ) -> Answer<ListResourceRecordSetsOutput> {
        let (_, zone) = self.zone(input.hosted_zone_id())?;
        if input.start_record_type().is_some() && input.start_record_name().is_none() {
            return Err(invalid_input(
                "The input is not valid: a type needs a name.",
            ));
        }
        let from = (
            input
                .start_record_name()
                .map(|name| sort_key(&canonical(name)))
                .unwrap_or_default(),
            input
                .start_record_type()
                .map(|kind| kind.as_str().to_owned())
                .unwrap_or_default(),
            input
                .start_record_identifier()
                .unwrap_or_default()
                .to_owned(),
        );
        let mut sets: Vec<_> = zone.sets.iter().filter(|set| order(set) >= from).collect();
        sets.sort_by_key(|set| order(set));
        let limit = input.max_items().unwrap_or(MOST).clamp(1, MOST);
        let limit_of_sets = usize::try_from(limit).unwrap_or(1).min(sets.len());
        let (page, rest) = sets.split_at(limit_of_sets);
        let next = rest.first();
        let answer = ListResourceRecordSetsOutput::builder()
            .set_resource_record_sets(Some(page.iter().map(|set| (*set).clone()).collect()))
            .is_truncated(next.is_some())
            .set_next_record_name(next.map(|set| set.name().to_owned()))
            .set_next_record_type(next.map(|set| set.r#type().clone()))
            .set_next_record_identifier(next.and_then(|set| set.set_identifier.clone()))
            .max_items(limit);
        Ok(answer.build()?)
    }

    pub fn get_change(&self, input: &GetChangeInput) -> Answer<GetChangeOutput> {
        let id = bare(require(input.id(), "Id")?);
        let Some(submitted) = self.changes.get(id) else {
            let message = format!("Could not find resource with ID: {id}");
            return Err(refuse_with(404, "NoSuchChange", message));
        };
        let is_everywhere = *submitted + self.options.transition <= self.register.now;
        let status = if is_everywhere {
            ChangeStatus::Insync
        } else {
            ChangeStatus::Pending
        };
        let change = ChangeInfo::builder()
            .id(format!("/change/{id}"))
            .status(status)
            .submitted_at(self.register.date(*submitted));
        Ok(GetChangeOutput::builder()
            .change_info(change.build()?)
            .build())
    }

    /// Submits a change to the name servers, where it is pending for a while.
    pub fn submit(&mut self, comment: Option<&str>) -> Answer<ChangeInfo> {
        let now = self.register.now;
        let id = format!("C{:020X}", self.register.count());
        let change = ChangeInfo::builder()
            .id(format!("/change/{id}"))
            .status(ChangeStatus::Pending)
            .submitted_at(self.register.date(now))
            .set_comment(comment.map(str::to_owned));
        self.changes.insert(id, now);
        Ok(change.build()?)
    }
}
