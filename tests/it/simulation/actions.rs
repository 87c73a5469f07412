//! What users do: apply, plan, edit, stop, start, destroy, and two of it at once.

use std::time::Duration;

use futures_util::join;
use labctl::cloud::api::{CallError, Cloud};
use labctl::cloud::diff::Change;
use labctl::cloud::planning::{self, Planned};
use labctl::cloud::resource::{Address, Owner};
use labctl::cloud::resources::instance::power;
use labctl::cloud::resources::run::Shared;
use labctl::cloud::resources::{self, Body, Kind, Lookups, Reader, Run, Scope, bucket};
use tokio::time::sleep;

use crate::engine::harness::{Destroying, complaints, run};

use super::hands;
use super::process::{Process, Weather};
use super::recipe::Recipe;
use super::sim::Sim;

/// What an action may lose.
#[derive(Clone, Copy, Default)]
pub struct Permission {
    pub server: bool,
    pub empty_buckets: bool,
    pub full_buckets: bool,
    pub zones: bool,
}

impl Permission {
    fn of_destroy(recipe: &Recipe, options: Destroying) -> Self {
        let may = !recipe.protect;
        Self {
            server: may,
            empty_buckets: may,
            full_buckets: may && options.empty_bucket,
            zones: may && options.delete_zone,
        }
    }

    fn with(self, other: Self) -> Self {
        Self {
            server: self.server || other.server,
            empty_buckets: self.empty_buckets || other.empty_buckets,
            full_buckets: self.full_buckets || other.full_buckets,
            zones: self.zones || other.zones,
        }
    }
}

/// One thing that a user asks of labctl.
enum Wish {
    Plan,
    Apply { replace: bool },
    Destroy(Destroying),
    Power(bool),
}

/// Does something, and says what may be lost by it.
pub async fn act(sim: &Sim) -> Permission {
    if sim.chance.percent(30)
        && let Some(what) = hands::add_object(sim)
    {
        sim.count(what);
    }
    let apply = || Wish::Apply {
        replace: sim.chance.percent(50),
    };
    match sim.chance.below(100) {
        0..30 => alone(sim, apply()).await,
        30..65 => {
            edit(sim);
            alone(sim, apply()).await
        }
        65..69 => alone(sim, Wish::Plan).await,
        69..77 => alone(sim, Wish::Power(sim.chance.percent(50))).await,
        77..86 => alone(sim, Wish::Destroy(destroying(sim))).await,
        _ => two(sim).await,
    }
}

fn destroying(sim: &Sim) -> Destroying {
    Destroying {
        delete_zone: sim.chance.percent(50),
        empty_bucket: sim.chance.percent(40),
    }
}

fn edit(sim: &Sim) {
    let mut recipe = sim.recipe.borrow_mut();
    let before = recipe.other_key;
    let what = recipe.edit(&sim.chance, sim.given.as_ref());
    if recipe.other_key != before {
        sim.may_lack_notes.set(true);
    }
    sim.count("edits");
    sim.log(|| format!("edit:{what}\n{}", recipe.text()));
}

async fn alone(sim: &Sim, wish: Wish) -> Permission {
    let recipe = sim.recipe.borrow().clone();
    let scarce = scarce(sim);
    let process = Process::new(sim, 'a', Weather::make(sim));
    let permission = one(&process, sim, &recipe, wish).await;
    if let Some(scarce) = scarce {
        sim.memory.restore_capacity(scarce);
    }
    permission
}

/// Lets AWS run out of one type now and then.
fn scarce(sim: &Sim) -> Option<&'static str> {
    sim.chance.percent(12).then(|| {
        let scarce = sim.chance.pick(&super::recipe::TYPES);
        sim.memory.lack_capacity(scarce);
        sim.count("types without capacity");
        sim.log(|| format!("no capacity for {scarce}"));
        scarce
    })
}

/// Two processes at once, of the same plan or of a plan before and after an edit.
async fn two(sim: &Sim) -> Permission {
    sim.count("two at once");
    let first = sim.recipe.borrow().clone();
    if sim.chance.percent(40) {
        edit(sim);
        // There is one note of the zone, and one of the role for GitHub.
        let mut second = sim.recipe.borrow_mut();
        second.dns.clone_from(&first.dns);
        second.github = first.github;
        if second.bucket.is_none() {
            second.bucket.clone_from(&first.bucket);
        }
    }
    let second = sim.recipe.borrow().clone();
    let replace = sim.chance.percent(50);
    let other = match sim.chance.percent(25) {
        true => Wish::Destroy(destroying(sim)),
        false => Wish::Apply { replace },
    };
    let (one_process, other_process) = (
        Process::new(sim, 'a', Weather::make(sim).with_ways()),
        Process::new(sim, 'b', Weather::make(sim).with_ways()),
    );
    let late = Duration::from_millis(sim.chance.below(3000).into());
    let (one, other) = join!(
        one(&one_process, sim, &first, Wish::Apply { replace }),
        async {
            sleep(late).await;
            self::one(&other_process, sim, &second, other).await
        }
    );
    one.with(other)
}

async fn one(process: &Process<'_>, sim: &Sim, recipe: &Recipe, wish: Wish) -> Permission {
    let cloud = process.cloud();
    let mut permission = Permission::default();
    let told = match wish {
        Wish::Plan => {
            sim.count("plans");
            let plan = recipe.plan();
            let laptop = recipe.laptop();
            let planning = planning::plan(&cloud, &plan, &laptop);
            process
                .live(async { said(planning.await.map(|_| "planned".to_owned())) })
                .await
        }
        Wish::Apply { replace } => {
            sim.count("applies");
            permission.server = replace && !recipe.protect;
            process
                .live(async { said(apply(sim, &cloud, recipe, replace).await) })
                .await
        }
        Wish::Destroy(options) => {
            sim.count("destroys");
            permission = Permission::of_destroy(recipe, options);
            process
                .live(async { said(destroy(&cloud, recipe, options).await) })
                .await
        }
        Wish::Power(on) => {
            sim.count("stops and starts");
            process
                .live(async { said(switch(sim, &cloud, recipe, on).await) })
                .await
        }
    };
    sim.log(|| told.unwrap_or_else(|| "killed".to_owned()));
    permission
}

fn said(result: Result<String, CallError>) -> String {
    result.unwrap_or_else(|error| format!("gave up: {error}"))
}

/// What the command refuses before its first write.
pub fn refusal(planned: &Planned, is_protected: bool, may_replace: bool) -> Option<String> {
    if let Some(refusal) = planned.set.refusals.first() {
        return Some(format!("refused: {}", refusal.summary));
    }
    if let Some(conflict) = planned.set.conflicts().next() {
        return Some(format!(
            "refused: {} is in the way",
            conflict.desired.address
        ));
    }
    let is_allowed =
        |change: &Change| !is_protected && may_replace && change.address().kind() == Kind::Instance;
    let mut losing = planned
        .set
        .changes
        .iter()
        .filter(|change| change.loses_data());
    let losing = losing.find(|change| !is_allowed(change))?;
    Some(format!("refused: {} would be lost", losing.address()))
}

async fn apply(
    sim: &Sim,
    cloud: &dyn Cloud,
    recipe: &Recipe,
    may_replace: bool,
) -> Result<String, CallError> {
    let plan = recipe.plan();
    let planned = planning::plan(cloud, &plan, &recipe.laptop()).await?;
    if let Some(refusal) = refusal(&planned, recipe.protect, may_replace) {
        sim.count("applies refused");
        return Ok(refusal);
    }
    // Somebody reads the plan before the yes.
    sleep(Duration::from_secs(sim.chance.pick(&[0, 0, 1, 10]))).await;
    let outcome = run(cloud, &planned, false).await;
    Ok(format!("applied: {:?}", complaints(&outcome)))
}

/// What destroy refuses before its first write.
pub async fn destroy_refusal(
    cloud: &dyn Cloud,
    planned: &Planned,
    options: Destroying,
) -> Result<Option<String>, CallError> {
    for change in &planned.set.changes {
        let Change::Delete(live) = change else {
            continue;
        };
        let is_bucket = live.address.kind() == Kind::Bucket;
        let owner = &planned.live.account;
        if is_bucket && !options.empty_bucket && bucket::holds_anything(cloud, live, owner).await? {
            return Ok(Some(format!("refused: {} is not empty", live.id)));
        }
        let Body::Zone(zone) = &live.body else {
            continue;
        };
        let is_used = planned.live.resources.iter().any(|live| {
            let of_others = live.owner == Owner::Other;
            matches!(&live.body, Body::Record(record) if of_others && record.zone_name == zone.name)
        });
        if is_used {
            return Ok(Some(format!(
                "refused: {} has records of others",
                zone.name
            )));
        }
    }
    Ok(None)
}

async fn destroy(
    cloud: &dyn Cloud,
    recipe: &Recipe,
    options: Destroying,
) -> Result<String, CallError> {
    if recipe.protect {
        return Ok("refused: protected".to_owned());
    }
    let scope = Scope::of(&recipe.plan());
    let planned = planning::plan_destroy(cloud, scope, options.delete_zone).await?;
    if let Some(refusal) = destroy_refusal(cloud, &planned, options).await? {
        return Ok(refusal);
    }
    let outcome = run(cloud, &planned, options.empty_bucket).await;
    Ok(format!("destroyed: {:?}", complaints(&outcome)))
}

/// Stops or starts the server, as the commands do.
async fn switch(
    sim: &Sim,
    cloud: &dyn Cloud,
    recipe: &Recipe,
    on: bool,
) -> Result<String, CallError> {
    let scope = Scope::of(&recipe.plan());
    let live = resources::read(&Reader::new(cloud, &scope)).await?;
    let Some(server) = live.current(Kind::Instance) else {
        return Ok("no server".to_owned());
    };
    if matches!(&server.body, Body::Instance(instance) if instance.transaction.is_some()) {
        return Ok("refused: a change was cut off".to_owned());
    }
    let (lookups, address) = (Lookups::default(), Address::of(Kind::Instance));
    let shared = Shared::new(cloud, &scope, &live.account, &lookups);
    let run = Run::new(&shared, &address, &|_| {});
    let id = &server.id;
    let switching = async {
        if on {
            power::start(id, &run).await?;
            power::up(id, &run).await.map(drop)
        } else {
            sim.stopped_on_purpose.set(true);
            power::stop(id, &run).await?;
            power::down(id, &run).await
        }
    };
    Ok(format!(
        "power {on}: {:?}",
        switching.await.err().map(|error| error.to_string())
    ))
}
