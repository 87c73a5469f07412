//! The locks of what labctl itself brings to servers: they have all that the requirements ask for, and a sum for each file.
//! `scripts/lock` makes them, and tries them for every Python and processor; that needs the network.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use serde_json::Value;

use crate::support::files_below;

const PROCESSORS: [&str; 2] = ["x86_64", "aarch64"];

fn template(name: &str) -> String {
    let place = Path::new(env!("CARGO_MANIFEST_DIR")).join("templates");
    fs::read_to_string(place.join(name)).unwrap()
}

/// Says what is wrong with a lock of packages from PyPI.
fn problems(requirements: &str, lock: &str) -> Vec<String> {
    let mut problems = Vec::new();
    let whole = lock.replace(" \\\n", " ");
    let mut versions: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for line in whole.lines().filter(|line| !line.starts_with('#')) {
        let (package, hashes) = line.split_once("--hash=sha256:").unwrap_or((line, ""));
        let package = package.split(';').next().unwrap_or_default().trim();
        let Some((name, version)) = package.split_once("==") else {
            problems.push(format!("`{line}` is no version"));
            continue;
        };
        let is_sum = |sum: &str| sum.len() == 64 && sum.chars().all(|one| one.is_ascii_hexdigit());
        if !hashes.split("--hash=sha256:").all(|sum| is_sum(sum.trim())) {
            problems.push(format!("`{package}` has no sum, or another than SHA-256"));
        }
        versions.entry(name).or_default().push(version);
    }
    let lines = requirements.lines().map(str::trim);
    for line in lines.filter(|line| !line.is_empty() && !line.starts_with('#')) {
        let end = line.find(['=', '<', '>']).unwrap_or(line.len());
        let (name, range) = line.split_at(end);
        match versions.get(name.to_ascii_lowercase().as_str()) {
            None => problems.push(format!("`{name}` is not locked")),
            Some(locked) if !locked.iter().all(|version| is_within(version, range)) => {
                problems.push(format!("`{line}` is locked to {locked:?}"));
            }
            Some(_) => {}
        }
    }
    problems
}

/// Whether a version is in a range such as `>=1.2,<2`.
fn is_within(version: &str, range: &str) -> bool {
    let numbers = |text: &str| -> Vec<u64> {
        text.split('.')
            .map(|part| part.parse().unwrap_or(0))
            .collect()
    };
    range
        .split(',')
        .filter(|clause| !clause.is_empty())
        .all(|clause| {
            let other = clause.trim_start_matches(['=', '<', '>']);
            let order = numbers(version).cmp(&numbers(other));
            match &clause[..clause.len() - other.len()] {
                "==" => version == other,
                ">=" => order.is_ge(),
                "<" => order.is_lt(),
                unknown => panic!("`{unknown}` is not compared here"),
            }
        })
}

#[test]
fn locks_have_all_requirements_and_sums() {
    let mut count = 0;
    for path in files_below("templates") {
        let name = path.file_name().unwrap().to_str().unwrap();
        if !name.ends_with("requirements.txt") || name.starts_with("installer") {
            continue;
        }
        count += 1;
        let requirements = fs::read_to_string(&path).unwrap();
        let lock = fs::read_to_string(path.with_extension("lock")).unwrap();
        assert_eq!(problems(&requirements, &lock), [""; 0], "{path:?}");
    }
    assert_eq!(count, 6);
    // Where people install packages of their own.
    let pip = template("python/requirements.txt");
    for name in ["jupyterhub/requirements", "python/kernel-requirements"] {
        assert_eq!(problems(&pip, &template(&format!("{name}.lock"))), [""; 0]);
    }
}

#[test]
fn gaps_in_locks_are_found() {
    let sum = "0".repeat(64);
    let lock = format!("six==1.17.0 \\\n    --hash=sha256:{sum} \\\n    --hash=sha256:{sum}\n");
    assert_eq!(problems("six==1.17.0\n", &lock), [""; 0]);
    assert_eq!(problems("six>=1.9,<2\n", &lock), [""; 0]);
    for (requirements, lock) in [
        ("six==1.16.0", lock.as_str()),
        ("six>=1.2,<1.17", &lock),
        ("numpy", &lock),
        ("", "six==1.17.0\n"),
        ("", &lock.replace("sha256", "md5")),
        ("", &lock.replacen(&sum, "0", 1)),
        ("", &lock.replace("==1.17.0", "")),
    ] {
        assert_eq!(
            problems(requirements, lock).len(),
            1,
            "{requirements} {lock}"
        );
    }
}

#[test]
fn uv_is_locked_for_both_processors() {
    let wanted = template("python/installer-requirements.txt");
    let version = wanted.trim().strip_prefix("uv==").unwrap();
    let lock = template("python/installer.lock");
    for processor in PROCESSORS {
        let is_for = |line: &&str| {
            line.contains(&format!("  uv-{version}-py3-none-manylinux_"))
                && line.ends_with(&format!("_{processor}.whl"))
                && line.find(' ') == Some(64)
        };
        assert_eq!(
            lock.lines().filter(is_for).count(),
            1,
            "{processor}: {lock}"
        );
    }
}

#[test]
fn npm_packages_are_locked_with_sums() {
    let parse = |name: &str| -> Value { serde_json::from_str(&template(name)).unwrap() };
    let manifest = parse("jupyterhub/proxy/package.json");
    let lock = parse("jupyterhub/proxy/package-lock.json");
    let packages = lock["packages"].as_object().unwrap();
    assert_eq!(packages[""]["dependencies"], manifest["dependencies"]);
    for (name, version) in manifest["dependencies"].as_object().unwrap() {
        assert_eq!(
            &packages[&format!("node_modules/{name}")]["version"],
            version
        );
    }
    for (place, package) in packages.iter().filter(|(place, _)| !place.is_empty()) {
        let text = |key: &str| package[key].as_str().unwrap_or_default();
        assert!(text("integrity").starts_with("sha512-"), "{place}");
        // npm takes this host for whatever registry it is given.
        assert!(
            text("resolved").starts_with("https://registry.npmjs.org/"),
            "{place}"
        );
        for needed in package["dependencies"].as_object().into_iter().flatten() {
            let is_known = packages
                .keys()
                .any(|known| known.ends_with(&format!("node_modules/{}", needed.0)));
            assert!(is_known, "{place} needs {}", needed.0);
        }
    }
}
