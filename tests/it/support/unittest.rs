//! The tests that are written in Python, as tests of this binary: one runner, one count, side by side with the others.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use super::emulator::python;

fn place(file: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests")
        .join(file)
}

/// Runs a file of Python's tests, or one class of it. A test that was skipped has not passed.
#[track_caller]
pub fn run(file: &str, arguments: &[&str]) {
    let mut command = Command::new(python());
    command.arg(place(file)).args(arguments);
    command.env("PYTHONDONTWRITEBYTECODE", "1");
    let output = command.stdin(Stdio::null()).output().unwrap();
    let told = format!(
        "{}{}",
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    );
    assert!(output.status.success(), "{file} {arguments:?}\n{told}");
    assert!(
        told.contains("\nOK\n") && !told.contains("Ran 0 tests"),
        "not all of {file} {arguments:?} ran\n{told}"
    );
}

/// Checks that these are all classes of tests that a file has.
#[track_caller]
pub fn are_all_classes(file: &str, named: &[&str]) {
    let text = std::fs::read_to_string(place(file)).unwrap();
    let blocks = text.split("\nclass ").skip(1);
    let with_tests = blocks.filter(|block| block.contains("\n    def test_"));
    let found: BTreeSet<&str> = with_tests
        .map(|block| block.split(['(', ':']).next().unwrap())
        .collect();
    assert_eq!(found, named.iter().copied().collect(), "{file}");
}

/// Makes a test of each class of a file, and one that none is missing.
macro_rules! classes {
    ($file:literal: $($name:ident = $class:literal),+ $(,)?) => {
        $(
            #[test]
            fn $name() {
                crate::support::unittest::run($file, &[$class]);
            }
        )+

        #[test]
        fn no_class_is_missing() {
            crate::support::unittest::are_all_classes($file, &[$($class),+]);
        }
    };
}
pub(crate) use classes;
