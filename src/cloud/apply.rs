//! Graph of steps → outcome: runs what is ready, many at a time.
//!
//! One task owns all running steps. A step that fails takes with it only what
//! depends on it; everything else goes on to its end.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::time::Duration;

use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;
use tokio::time::Instant;

use crate::cloud::api::Cloud;
use crate::cloud::graph::{Action, Graph, Step};
use crate::cloud::resource::{Address, Standing};
use crate::cloud::resources::record;
use crate::cloud::resources::run::Shared;
use crate::cloud::resources::{self, Handle, LiveLab, Lookups, Run, Scope, StepError};

/// How many steps run at a time.
const CONCURRENCY: usize = 16;

/// What a running apply says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event<'a> {
    /// A step has begun.
    Started(&'a Step),
    /// What a step is doing.
    Progress(&'a Step, &'a str),
    /// A step has done its work, in this time.
    Finished(&'a Step, Duration),
    /// A step has failed.
    Failed(&'a Step, &'a StepError),
    /// A step was left out, because another failed or was left out.
    Skipped(&'a Step, &'a Step),
    /// A step was not begun, because the user interrupted, time was up, or another failed.
    Withheld(&'a Step),
}

/// Listens to a running apply.
pub trait Listener {
    /// Takes note of an event.
    fn notice(&self, event: &Event<'_>);
}

impl<F: Fn(&Event<'_>)> Listener for F {
    fn notice(&self, event: &Event<'_>) {
        self(event);
    }
}

/// How an apply ended.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Outcome {
    /// How many steps did their work.
    pub finished: usize,
    /// The steps that failed, and how.
    pub failed: Vec<(Step, StepError)>,
    /// The steps that were left out because of a failure.
    pub skipped: Vec<Step>,
    /// The steps that were not begun because of an interruption, the deadline or a failure.
    pub withheld: Vec<Step>,
    /// Whether it was not done by its deadline.
    pub is_late: bool,
    /// What exists now.
    pub handles: BTreeMap<Address, Handle>,
}

/// Everything that an apply works with.
pub struct Applying<'a> {
    /// The cloud.
    pub cloud: &'a dyn Cloud,
    /// The lab.
    pub scope: &'a Scope,
    /// What was looked up beforehand.
    pub lookups: &'a Lookups,
    /// What there was before.
    pub live: &'a LiveLab,
    /// Whether a bucket's content may be deleted with it.
    pub empty_bucket: bool,
    /// Whether nothing more is begun once a step has failed: what is not deleted
    /// yet stays as it is then.
    pub stops_at_failure: bool,
    /// When it has to be done: nothing new is begun then, and nothing is waited for.
    pub deadline: Option<Instant>,
    /// Set when the user interrupts: nothing new is begun then.
    pub interrupted: &'a Cell<bool>,
    /// Listens.
    pub listener: &'a dyn Listener,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Waiting,
    Running,
    Done,
    Failed,
    /// Left out because of the step at this place.
    Skipped(usize),
}

impl Applying<'_> {
    /// Runs all steps in the order that the graph allows.
    pub async fn apply(&self, graph: &Graph) -> Outcome {
        let shared = Shared {
            empty_bucket: self.empty_bucket,
            instance_generation: self.live.ended_instances,
            deadline: self.deadline,
            handles: RefCell::new(self.live.handles()),
            ..Shared::new(self.cloud, self.scope, &self.live.account, self.lookups)
        };
        let mut states = vec![State::Waiting; graph.steps.len()];
        let mut running = FuturesUnordered::new();
        let mut outcome = Outcome::default();
        loop {
            self.skip_dependents(graph, &mut states);
            while running.len() < CONCURRENCY && self.goes_on(&outcome) && !shared.is_late() {
                let Some(index) = next_ready(graph, &states) else {
                    break;
                };
                states[index] = State::Running;
                let step = &graph.steps[index];
                self.listener.notice(&Event::Started(step));
                let shared = &shared;
                running.push(async move {
                    let start = Instant::now();
                    let result = self.run(step, shared).await;
                    (index, result, start.elapsed())
                });
            }
            let Some((index, result, elapsed)) = running.next().await else {
                break;
            };
            let step = &graph.steps[index];
            states[index] = match result {
                Ok(()) => {
                    self.listener.notice(&Event::Finished(step, elapsed));
                    outcome.finished += 1;
                    State::Done
                }
                Err(error) => {
                    self.listener.notice(&Event::Failed(step, &error));
                    outcome.failed.push((step.clone(), error));
                    State::Failed
                }
            };
        }
        drop(running);
        for (step, state) in graph.steps.iter().zip(&states) {
            match state {
                State::Skipped(_) => outcome.skipped.push(step.clone()),
                State::Waiting => {
                    self.listener.notice(&Event::Withheld(step));
                    outcome.withheld.push(step.clone());
                }
                State::Running | State::Done | State::Failed => {}
            }
        }
        let is_undone = !outcome.failed.is_empty() || !outcome.withheld.is_empty();
        outcome.is_late = is_undone && shared.is_late();
        outcome.handles = shared.handles.into_inner();
        outcome
    }

    fn goes_on(&self, outcome: &Outcome) -> bool {
        let is_stopped = self.stops_at_failure && !outcome.failed.is_empty();
        !is_stopped && !self.interrupted.get()
    }

    fn skip_dependents(&self, graph: &Graph, states: &mut [State]) {
        loop {
            let found = graph.steps.iter().enumerate().find_map(|(index, step)| {
                let because =
                    step.needs.iter().copied().find(|needed| {
                        matches!(states[*needed], State::Failed | State::Skipped(_))
                    })?;
                (states[index] == State::Waiting).then_some((index, because))
            });
            let Some((index, because)) = found else {
                return;
            };
            let root = match states[because] {
                State::Skipped(root) => root,
                _ => because,
            };
            states[index] = State::Skipped(root);
            let event = Event::Skipped(&graph.steps[index], &graph.steps[root]);
            self.listener.notice(&event);
        }
    }

    async fn run(&self, step: &Step, shared: &Shared<'_>) -> Result<(), StepError> {
        let say = |text: &str| self.listener.notice(&Event::Progress(step, text));
        let Some(address) = step.addresses.first() else {
            return Ok(());
        };
        let run = Run::new(shared, address, &say);
        match &step.action {
            Action::Create(desired) => {
                let handle = desired.body.create(&run).await?;
                shared.handles.borrow_mut().insert(address.clone(), handle);
                Ok(())
            }
            Action::Attach(desired) => {
                let handle = run.handle(address)?;
                desired.body.attach(&handle, &run).await
            }
            Action::Update(edit) => edit.desired.body.update(&edit.before(), &run).await,
            Action::Delete(live) => {
                resources::delete(live, &run).await?;
                if live.standing == Standing::Current {
                    shared.handles.borrow_mut().remove(address);
                }
                Ok(())
            }
            Action::Records(changes) => record::apply(changes, &run).await,
        }
    }
}

fn next_ready(graph: &Graph, states: &[State]) -> Option<usize> {
    graph.steps.iter().enumerate().position(|(index, step)| {
        let is_done = |needed: &usize| states[*needed] == State::Done;
        states[index] == State::Waiting && step.needs.iter().all(is_done)
    })
}
