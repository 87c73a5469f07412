//! Inputs that nobody meant: made at random from good ones (`corpus/`), for everything that reads
//! what comes from elsewhere. No panic, no overflow of the stack, no memory without bounds, nothing
//! that steers a terminal.
//!
//! An input follows from its number alone. By default each target gets its first thousands;
//! `LABCTL_FUZZ_SECONDS` gives each so many seconds of others, from `LABCTL_FUZZ_FIRST` on, and
//! `LABCTL_FUZZ_INPUT` runs one alone. What fails is kept in a file, whose place is told: it belongs
//! into the corpus, with a test of its own for what it shows.

mod answers;
mod bytes;
mod json;
mod limits;
mod runner;
mod targets;

pub use answers::clients;
use runner::Target;
pub use targets::check_harmless;

#[test]
fn plans() {
    let mut seeds = runner::files(&["tests/it/plans_bad", "plans", "examples"], "yaml");
    seeds.extend(runner::corpus("plan"));
    let seeds = runner::with_whole_plan(seeds);
    Target {
        name: "plan",
        inputs: 3000,
        seeds,
        make: bytes::mutated,
        run: targets::plan,
    }
    .fuzz();
}

#[test]
fn probe_answers() {
    Target {
        name: "facts",
        inputs: 2000,
        seeds: runner::corpus("facts"),
        make: json::mutated,
        run: targets::facts,
    }
    .fuzz();
}

#[test]
fn talk_of_the_host() {
    Target {
        name: "events",
        inputs: 3000,
        seeds: runner::corpus("events"),
        make: json::mutated_lines,
        run: targets::events,
    }
    .fuzz();
}

#[test]
fn saved_plans() {
    Target {
        name: "saved",
        inputs: 500,
        seeds: runner::corpus("saved"),
        make: json::mutated,
        run: targets::saved,
    }
    .fuzz();
}

#[test]
fn known_hosts() {
    Target {
        name: "known_hosts",
        inputs: 1000,
        seeds: runner::corpus("known_hosts"),
        make: bytes::mutated,
        run: targets::known_hosts,
    }
    .fuzz();
}

#[test]
fn keys() {
    Target {
        name: "keys",
        inputs: 5000,
        seeds: runner::corpus("keys"),
        make: bytes::mutated,
        run: targets::keys,
    }
    .fuzz();
}

#[test]
fn consoles() {
    Target {
        name: "console",
        inputs: 3000,
        seeds: runner::corpus("console"),
        make: bytes::mutated,
        run: targets::console,
    }
    .fuzz();
}
