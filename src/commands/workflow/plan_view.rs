//! A plan as `plan` and `apply` show it.

use crate::cloud::planning::Planned;
use crate::commands::arguments::Half;
use crate::report::{Out, PlanView, host, markdown, text};

use super::host_plan::HostPlan;

/// Shows one half or both.
pub fn show(view: &PlanView<'_>, host: Option<&HostPlan>, only: Option<Half>, out: &Out) {
    let cloud = (only != Some(Half::Host)).then(|| text::change_set(view));
    let host = host.map(|host| host::text(&host.view(), view.full));
    let parts: Vec<_> = cloud.into_iter().chain(host).collect();
    out.result(&parts.join("\n\n"));
}

/// Shows one half or both as Markdown.
pub fn show_markdown(view: &PlanView<'_>, host: Option<&HostPlan>, only: Option<Half>, out: &Out) {
    let cloud = (only != Some(Half::Host)).then_some(view);
    let host = host.map(|host| host::text(&host.view(), view.full));
    out.result(&markdown::plan(cloud, host.as_deref()));
}

/// What there is to show of a plan.
pub fn view(planned: &Planned) -> PlanView<'_> {
    PlanView {
        lab: &planned.scope.lab,
        region: &planned.scope.region,
        account: &planned.live.account,
        set: &planned.set,
        live: &planned.live,
        notes: &planned.notes,
        allowed: &[],
        full: false,
    }
}
