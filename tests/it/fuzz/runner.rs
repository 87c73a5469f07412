//! Runs a target on many inputs, and watches the memory.

use std::env;
use std::fs;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use fastrand::Rng;

/// How much memory a target may take beyond what it had before, for inputs of some megabytes.
const MEMORY: usize = 512 << 20;
/// How long one input may take, on a machine that does other things too.
const SLOWEST: Duration = Duration::from_secs(20);
/// Where the long runs begin, so that they do not repeat the short one.
const FIRST_OF_LONG_RUNS: u64 = 1_000_000;

/// Something that reads what comes from elsewhere.
pub struct Target {
    pub name: &'static str,
    /// How many inputs it gets by default.
    pub inputs: u64,
    pub seeds: Vec<Vec<u8>>,
    /// Makes an input from the seeds.
    pub make: fn(&[Vec<u8>], &mut Rng) -> Vec<u8>,
    /// Reads an input, and panics where something is wrong.
    pub run: fn(&[u8]),
}

/// Which inputs a run makes.
pub enum Numbers {
    One(u64),
    First(u64),
    For(Duration, u64),
}

impl Numbers {
    /// What the environment asks for.
    pub fn asked(default: u64) -> Self {
        let number = |name: &str| -> Option<u64> { env::var(name).ok()?.parse().ok() };
        let first = number("LABCTL_FUZZ_FIRST").unwrap_or(FIRST_OF_LONG_RUNS);
        match (number("LABCTL_FUZZ_INPUT"), number("LABCTL_FUZZ_SECONDS")) {
            (Some(one), _) => Self::One(one),
            (None, Some(seconds)) => Self::For(Duration::from_secs(seconds), first),
            (None, None) => Self::First(default),
        }
    }

    /// Calls `run` with each number; gives how many there were.
    pub fn each(&self, mut run: impl FnMut(u64)) -> u64 {
        match self {
            Self::One(one) => {
                run(*one);
                1
            }
            Self::First(count) => {
                (0..*count).for_each(run);
                *count
            }
            Self::For(time, first) => {
                let start = Instant::now();
                let mut number = *first;
                while start.elapsed() < *time {
                    run(number);
                    number += 1;
                }
                number - first
            }
        }
    }
}

impl Target {
    /// Runs it on the seeds and on what is made of them.
    pub fn fuzz(self) {
        assert!(!self.seeds.is_empty(), "`{}` has no seeds", self.name);
        let mut slowest = Duration::ZERO;
        let memory = Memory::now();
        for seed in &self.seeds {
            self.checked(seed, "a seed", &mut slowest);
        }
        let start = Instant::now();
        let count = Numbers::asked(self.inputs).each(|number| {
            note(self.name, number);
            let input = (self.make)(&self.seeds, &mut Rng::with_seed(number));
            self.checked(&input, &format!("LABCTL_FUZZ_INPUT={number}"), &mut slowest);
        });
        tell(self.name, count, start.elapsed(), slowest, memory.grown());
        assert!(memory.grown() < MEMORY, "{} MiB", memory.grown() >> 20);
    }

    fn checked(&self, input: &[u8], which: &str, slowest: &mut Duration) {
        let start = Instant::now();
        let ended = catch_unwind(AssertUnwindSafe(|| (self.run)(input)));
        let took = start.elapsed();
        *slowest = took.max(*slowest);
        if ended.is_err() || took > SLOWEST {
            let place = folder().join(format!("{}.failed", self.name));
            fs::write(&place, input).unwrap();
            panic!(
                "{which} of `{}` failed after {took:?}; it is kept in `{}`",
                self.name,
                place.display()
            );
        }
    }
}

/// Prints what a run was, for whoever writes it down.
#[expect(clippy::print_stderr, reason = "the figures of a run are its result")]
pub fn tell(name: &str, count: u64, took: Duration, slowest: Duration, memory: usize) {
    eprintln!(
        "{name}: {count} inputs in {:.1} s, the slowest {} ms, {} MiB of memory",
        took.as_secs_f64(),
        slowest.as_millis(),
        memory >> 20
    );
}

/// Notes which input is run, to know which it was when the process is gone.
pub fn note(name: &str, number: u64) {
    fs::write(folder().join(format!("{name}.input")), number.to_string()).unwrap();
}

fn folder() -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("fuzz");
    fs::create_dir_all(&folder).unwrap();
    folder
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// Reads the seeds of a target.
pub fn corpus(name: &str) -> Vec<Vec<u8>> {
    read(&root().join("tests/it/fuzz/corpus").join(name), "")
}

/// Reads all files of folders that end so.
pub fn files(folders: &[&str], ending: &str) -> Vec<Vec<u8>> {
    let folders = folders.iter();
    folders
        .flat_map(|folder| read(&root().join(folder), ending))
        .collect()
}

fn read(folder: &Path, ending: &str) -> Vec<Vec<u8>> {
    let Ok(entries) = fs::read_dir(folder) else {
        return Vec::new();
    };
    let mut paths: Vec<_> = entries.map(|entry| entry.unwrap().path()).collect();
    paths.retain(|path| path.is_file() && path.display().to_string().ends_with(ending));
    // The order counts: an input follows from its number.
    paths.sort();
    paths.iter().map(|path| fs::read(path).unwrap()).collect()
}

/// Adds the plan that uses everything, several times, because it has the most places to change.
pub fn with_whole_plan(mut seeds: Vec<Vec<u8>>) -> Vec<Vec<u8>> {
    let whole = fs::read(root().join("plans/do4ds-lab.yaml")).unwrap();
    let copies = seeds.len() / 2;
    seeds.extend(std::iter::repeat_n(whole, copies));
    seeds
}

/// The most memory that the process has had (proc_pid_status(5), `VmHWM`), from some moment on.
pub struct Memory(usize);

impl Memory {
    pub fn now() -> Self {
        // Begins to count anew (proc_pid_clear_refs(5)).
        let _ = fs::write("/proc/self/clear_refs", "5");
        Self(peak())
    }

    /// How many bytes more it has been since.
    pub fn grown(&self) -> usize {
        peak().saturating_sub(self.0)
    }
}

fn peak() -> usize {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let kibibytes = line.and_then(|line| line.split_whitespace().next()?.parse::<usize>().ok());
    kibibytes.unwrap_or_default() << 10
}
