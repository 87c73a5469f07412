//! The one source of chance of a run: all of it follows from the seed.

use std::cell::RefCell;

/// A stream of random choices.
pub struct Chance(RefCell<fastrand::Rng>);

impl Chance {
    pub fn of(seed: u64) -> Self {
        Self(RefCell::new(fastrand::Rng::with_seed(seed)))
    }

    /// A number below `end`.
    pub fn below(&self, end: u32) -> u32 {
        self.0.borrow_mut().u32(0..end)
    }

    /// Yes in so many of a hundred cases.
    pub fn percent(&self, percent: u32) -> bool {
        self.below(100) < percent
    }

    /// One of several.
    pub fn pick<T: Copy>(&self, of: &[T]) -> T {
        of[self.0.borrow_mut().usize(0..of.len())]
    }
}
