//! An AWS in memory: stateful, and as strict as the real one.
//!
//! It stands behind the same trait as AWS itself, so that the engine is tested
//! against AWS's own rules (states that last, dependencies, quotas, idempotency,
//! eventual consistency) in virtual time and without a network. The rules come
//! from the API references and user guides of the services; the file of each
//! resource names them. Ids come from a counter and time from tokio's clock:
//! the same calls give the same answers.

mod dispatch;
mod ec2;
pub mod faulty;
mod filters;
mod hooks;
mod iam;
mod inventory;
mod options;
mod preset;
mod refusal;
mod register;
mod route53;
mod s3;
mod sts;
mod tagging;
mod tags;
mod tests;
mod world;

use std::cell::RefCell;
use std::rc::Rc;

use labctl::cloud::api::{Call, CallError};
use refusal::Answer;
use world::World;

pub use inventory::{Inventory, Item};
pub use options::Options;

/// A handle on one world of AWS, as an account sees it from one region.
#[derive(Clone)]
pub struct Memory {
    world: Rc<RefCell<World>>,
    region: String,
}

impl Memory {
    /// Makes an empty account whose things are ready at once.
    pub fn new(account: &str, region: &str) -> Self {
        Self::with_options(account, region, Options::default())
    }

    /// Makes an empty account that behaves as the options say.
    pub fn with_options(account: &str, region: &str, options: Options) -> Self {
        let mut world = World::new(account, options);
        world.open(region);
        Self {
            world: Rc::new(RefCell::new(world)),
            region: region.to_owned(),
        }
    }

    /// Looks at the same world from another region.
    #[must_use]
    pub fn in_region(&self, region: &str) -> Self {
        self.world.borrow_mut().open(region);
        Self {
            world: Rc::clone(&self.world),
            region: region.to_owned(),
        }
    }

    /// Serves one call: waits as long as the way there takes, then answers.
    async fn serve<T>(
        &self,
        call: Call,
        answer: impl FnOnce(&mut World) -> Answer<T>,
    ) -> Result<T, CallError> {
        let latency = self.world.borrow().options.latency;
        if !latency.is_zero() {
            tokio::time::sleep(latency).await;
        }
        let mut world = self.world.borrow_mut();
        world.arrive(&self.region);
        answer(&mut world).map_err(|refusal| refusal.of(call))
    }
}
