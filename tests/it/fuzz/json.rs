//! Mutations of JSON that stays JSON: another type, nothing, too much, something strange.

use fastrand::Rng;
use serde_json::{Map, Value, json};

use super::bytes;

/// Texts that somebody could want to be printed, opened or run.
pub const STRANGE: [&str; 22] = [
    "",
    " ",
    "\0",
    "\u{1b}[2J\u{1b}]0;owned\u{7}",
    "\u{9b}31m",
    "\u{202e}gnp.exe",
    "a\nb",
    "\r\u{8}\u{8}",
    "../../../../etc/passwd",
    "/dev/zero",
    "x\"; rm -rf /",
    "$(id)`id`",
    "{{ 7 * 7 }}%n%s",
    "<script>alert(1)</script>",
    "-1",
    "1e400",
    "null",
    "terminated",
    "i-",
    "arn:aws:iam::",
    "é\u{301}\u{10ffff}",
    "labctl-00000000000000000000000000000000",
];

/// Makes a document of one of the seeds; now and then one that is no JSON any more.
pub fn mutated(seeds: &[Vec<u8>], chance: &mut Rng) -> Vec<u8> {
    if chance.u32(0..8) == 0 {
        return bytes::mutated(seeds, chance);
    }
    let seed = chance.choice(seeds).map_or(&[][..], Vec::as_slice);
    changed(seed, chance)
}

/// The same for seeds of which each line is a document.
pub fn mutated_lines(seeds: &[Vec<u8>], chance: &mut Rng) -> Vec<u8> {
    if chance.u32(0..8) == 0 {
        return bytes::mutated(seeds, chance);
    }
    let seed = chance.choice(seeds).map_or(&[][..], Vec::as_slice);
    let mut lines: Vec<Vec<u8>> = seed
        .split(|byte| *byte == b'\n')
        .map(<[u8]>::to_vec)
        .collect();
    let one = chance.usize(0..lines.len());
    lines[one] = changed(&lines[one], chance);
    lines.join(&b'\n')
}

fn changed(seed: &[u8], chance: &mut Rng) -> Vec<u8> {
    let Ok(mut document) = serde_json::from_slice::<Value>(seed) else {
        return bytes::mutated(&[seed.to_vec()], chance);
    };
    for _ in 0..1 << chance.u32(0..4) {
        mutate(&mut document, chance);
    }
    serde_json::to_vec(&document).unwrap()
}

/// Changes one place of a document.
pub fn mutate(document: &mut Value, chance: &mut Rng) {
    let count = count(document);
    let mut index = chance.usize(0..count);
    if let Some(place) = find(document, &mut index) {
        change(place, chance);
    }
}

fn count(value: &Value) -> usize {
    1 + match value {
        Value::Array(items) => items.iter().map(count).sum(),
        Value::Object(entries) => entries.values().map(count).sum(),
        _ => 0,
    }
}

fn find<'a>(value: &'a mut Value, index: &mut usize) -> Option<&'a mut Value> {
    if *index == 0 {
        return Some(value);
    }
    *index -= 1;
    match value {
        Value::Array(items) => items.iter_mut().find_map(|item| find(item, index)),
        Value::Object(entries) => entries.values_mut().find_map(|entry| find(entry, index)),
        _ => None,
    }
}

fn change(place: &mut Value, chance: &mut Rng) {
    match (chance.u32(0..8), &mut *place) {
        (0..=2, Value::Object(entries)) => change_object(entries, chance),
        (0..=2, Value::Array(items)) => change_array(items, chance),
        _ => *place = absurd(chance),
    }
}

fn change_object(entries: &mut Map<String, Value>, chance: &mut Rng) {
    let keys: Vec<String> = entries.keys().cloned().collect();
    let Some(key) = chance.choice(&keys) else {
        return;
    };
    match chance.u32(0..4) {
        0 | 1 => drop(entries.shift_remove(key)),
        2 => {
            let value = entries.shift_remove(key).unwrap_or_default();
            entries.insert(strange(chance), value);
        }
        _ => drop(entries.insert(strange(chance), absurd(chance))),
    }
}

fn change_array(items: &mut Vec<Value>, chance: &mut Rng) {
    let place = chance.usize(0..=items.len());
    match (chance.u32(0..4), items.first().cloned()) {
        (0, _) => items.clear(),
        (1, Some(first)) => items.resize(items.len() + chance.usize(1..300), first),
        (2, _) if place < items.len() => drop(items.remove(place)),
        _ => items.insert(place, absurd(chance)),
    }
}

/// A text that nobody expects.
pub fn strange(chance: &mut Rng) -> String {
    match chance.u32(0..12) {
        0 => "x".repeat(1 << chance.u32(0..17)),
        1 => STRANGE[chance.usize(0..STRANGE.len())].repeat(chance.usize(1..300)),
        2 => chance.i64(..).to_string(),
        _ => STRANGE[chance.usize(0..STRANGE.len())].to_owned(),
    }
}

/// A value that nobody expects.
fn absurd(chance: &mut Rng) -> Value {
    match chance.u32(0..14) {
        0 => Value::Null,
        1 => json!([]),
        2 => json!({}),
        3 => json!(chance.bool()),
        4 => json!(0),
        5 => json!(-1),
        6 => json!(u64::MAX),
        7 => json!(i64::MIN),
        8 => json!(1e308),
        9 => json!(-0.000_001),
        10 => (0..chance.usize(1..130)).fold(Value::Null, |inner, _| json!([inner])),
        _ => json!(strange(chance)),
    }
}
