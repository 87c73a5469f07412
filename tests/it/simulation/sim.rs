//! One run: its world, its plan, and the books of what others have there.

use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use labctl::cloud::planning::Laptop;
use labctl::plan::Plan;
use tokio::time::{Instant, sleep};

use crate::engine::foreign;
use crate::engine::harness::{ACCOUNT, KEY, OTHER_KEY, laptop, parse};
use crate::memory_cloud::{Inventory, Item, Memory, Options};

use super::chance::Chance;
use super::figures::Figures;
use super::recipe::{LAB, Recipe};
use super::tricks::Trick;
use super::{actions, checks, ending};

/// A record that somebody else has in a zone.
#[derive(Clone)]
pub struct ForeignRecord {
    pub zone: String,
    pub name: String,
    pub kind: &'static str,
    pub value: &'static str,
}

/// Everything of one run.
pub struct Sim {
    pub chance: Chance,
    pub memory: Memory,
    pub recipe: RefCell<Recipe>,
    /// A network of others, which plans may name.
    pub given: Option<(String, String)>,
    /// What is not the lab's, by kind and id, as it has to stay.
    pub foreign: RefCell<BTreeMap<(String, String), Item>>,
    /// Tags that others put on the lab's things: id, key, value.
    pub foreign_tags: RefCell<Vec<(String, String, String)>>,
    pub foreign_records: RefCell<Vec<ForeignRecord>>,
    /// The objects in buckets, which nobody may lose.
    pub objects: RefCell<BTreeMap<String, BTreeSet<String>>>,
    /// Servers that somebody terminated by hand.
    pub ended_by_hand: RefCell<BTreeSet<String>>,
    /// Whether somebody stopped the server on purpose.
    pub stopped_on_purpose: Cell<bool>,
    /// Whether a kill may have left the lab without a key pair, and so without the notes on it.
    pub may_lack_notes: Cell<bool>,
    /// Whether somebody deleted a record of the lab's and left its companion.
    pub has_widows: Cell<bool>,
    /// Whether the run came to a gap that is known; see `docs/reliability.md`.
    pub is_at_a_gap: Cell<bool>,
    start: Instant,
    figures: RefCell<Figures>,
    log: Option<RefCell<Vec<String>>>,
    complaints: RefCell<Vec<String>>,
}

/// How a run ended.
#[derive(Default, PartialEq, Eq, Debug)]
pub struct Verdict {
    pub figures: Figures,
    pub complaints: Vec<String>,
    pub log: Vec<String>,
}

/// Runs one seed; what it tells is the same each time.
pub fn run(seed: u64, trick: Option<Trick>, is_logged: bool) -> Verdict {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .start_paused(true)
        .build()
        .unwrap();
    fastrand::seed(seed);
    runtime.block_on(async {
        let sim = Sim::make(seed, is_logged).await;
        sim.live(trick).await;
        Verdict {
            figures: sim.figures.into_inner(),
            complaints: sim.complaints.into_inner(),
            log: sim.log.map(RefCell::into_inner).unwrap_or_default(),
        }
    })
}

impl Sim {
    async fn make(seed: u64, is_logged: bool) -> Self {
        let chance = Chance::of(seed);
        let region = chance.pick(&["us-east-1", "us-east-1", "eu-west-1"]);
        let seconds = |of: &[u64]| Duration::from_secs(chance.pick(of));
        let options = Options {
            propagation: seconds(&[0, 0, 2, 10]),
            uneven: chance.percent(50),
            transition: seconds(&[0, 3, 20]),
            ..Options::default()
        };
        let memory = Memory::with_options(ACCOUNT, region, options);
        let given = inhabit(&memory, &chance, region).await;
        sleep(Duration::from_secs(60)).await;
        let recipe = Recipe::make(&chance, region, given.as_ref());
        let key = |item: &Item| (item.kind.clone(), item.id.clone());
        let there = memory.snapshot().items.into_iter();
        Self {
            foreign: RefCell::new(there.map(|item| (key(&item), item)).collect()),
            chance,
            memory,
            recipe: RefCell::new(recipe),
            given,
            foreign_tags: RefCell::default(),
            foreign_records: RefCell::default(),
            objects: RefCell::default(),
            ended_by_hand: RefCell::default(),
            stopped_on_purpose: Cell::new(false),
            may_lack_notes: Cell::new(false),
            has_widows: Cell::new(false),
            is_at_a_gap: Cell::new(false),
            start: Instant::now(),
            figures: RefCell::default(),
            log: is_logged.then(RefCell::default),
            complaints: RefCell::default(),
        }
    }

    async fn live(&self, trick: Option<Trick>) {
        self.count("seeds");
        self.log(|| format!("the plan:\n{}", self.recipe.borrow().text()));
        let mut before = self.memory.snapshot().living();
        let draw = || self.chance.below(5);
        let more = draw().min(draw()).min(draw());
        for _ in 0..2 + more {
            let permission = actions::act(self).await;
            let after = self.memory.snapshot().living();
            checks::data(self, &before, &after, permission);
            checks::others(self, &after);
            if self.has_complaints() {
                return;
            }
            before = after;
            super::process::rest(self).await;
        }
        ending::end(self, before, trick).await;
    }

    /// The plan as it is now.
    pub fn plan(&self) -> Plan {
        self.recipe.borrow().plan()
    }

    pub fn count(&self, what: &'static str) {
        self.figures.borrow_mut().count(what);
    }

    pub fn log(&self, line: impl FnOnce() -> String) {
        if let Some(log) = &self.log {
            let time = self.start.elapsed().as_secs_f64();
            log.borrow_mut().push(format!("{time:9.2} {}", line()));
        }
    }

    pub fn complain(&self, what: impl Into<String>) {
        let what = what.into();
        self.log(|| format!("!!! {what}"));
        self.complaints.borrow_mut().push(what);
    }

    pub fn has_complaints(&self) -> bool {
        !self.complaints.borrow().is_empty()
    }
}

thread_local! {
    /// The last plan that was parsed, because the same one is asked for many times.
    static PARSED: RefCell<Option<(String, Plan)>> = const { RefCell::new(None) };
}

impl Recipe {
    /// The plan, from its text.
    pub fn plan(&self) -> Plan {
        let text = self.text();
        PARSED.with_borrow_mut(|parsed| match parsed {
            Some((of, plan)) if *of == text => plan.clone(),
            _ => {
                let plan = parse(&text);
                *parsed = Some((text, plan.clone()));
                plan
            }
        })
    }

    /// What comes from the laptop.
    pub fn laptop(&self) -> Laptop {
        let key = if self.other_key { OTHER_KEY } else { KEY };
        Laptop {
            my_ip: Some([203, 0, 113, self.laptop].into()),
            ..laptop(key)
        }
    }
}

/// Lets others have things in the account; gives the network among them.
async fn inhabit(memory: &Memory, chance: &Chance, region: &str) -> Option<(String, String)> {
    if chance.percent(40) {
        return None;
    }
    let vpc = foreign::default_vpc(memory);
    foreign::key_pair(memory, "somebodys-key").await;
    foreign::bucket(memory, "somebodys-bucket", region).await;
    memory.add_object("somebodys-bucket", "precious");
    foreign::address(
        memory,
        &[("labctl:lab", "sim"), ("labctl:region", "af-south-1")],
    )
    .await;
    let group = foreign::group(memory, "somebodys-group", &vpc).await;
    foreign::role(memory, "somebodys-role").await;
    if chance.percent(50) {
        let zone = foreign::zone(memory, "penguins.shop", "by hand").await;
        sleep(Duration::from_secs(10)).await;
        foreign::record(memory, &zone, "web.penguins.shop", "A", "192.0.2.1").await;
        foreign::record(
            memory,
            &zone,
            "penguins.shop",
            "CAA",
            "0 issue \"letsencrypt.org\"",
        )
        .await;
    }
    if chance.percent(30) {
        foreign::provider(memory).await;
    }
    if chance.percent(30) {
        foreign::server(memory, "t3.nano").await;
    }
    let network = match chance.percent(30) {
        true => Some(foreign::network(memory).await),
        false => None,
    };
    sleep(Duration::from_secs(30)).await;
    foreign::tag(memory, &group, "labctl:lab", "sim").await;
    foreign::tag(memory, &group, "labctl:region", region).await;
    network
}

/// What carries the lab's tags, all three of them; a zone is known by its reference
/// before it has any.
pub fn is_ours(item: &Item, region: &str) -> bool {
    let reference = item.attributes.get("reference");
    if reference.is_some_and(|text| text.starts_with(&format!("labctl/{LAB}/{region}/"))) {
        return true;
    }
    let has = |key: &str, value: &str| item.tags.get(key).is_some_and(|found| found == value);
    has("labctl:lab", LAB)
        && has("labctl:region", region)
        && item.tags.contains_key("labctl:resource")
}

/// The living things of one kind that are the lab's.
pub fn ours<'a>(inventory: &'a Inventory, sim: &Sim, kind: &str) -> Vec<&'a Item> {
    let region = sim.recipe.borrow().region;
    let of_kind = inventory.of(kind).into_iter();
    of_kind.filter(|item| is_ours(item, region)).collect()
}
