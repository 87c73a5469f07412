//! Mutations of bytes: what a fuzzer does that knows nothing of the form.

use fastrand::Rng;

/// Pieces that mean something to one parser or another.
const WORDS: [&[u8]; 36] = [
    b"",
    b"\0",
    b"\n",
    b"\r\n",
    b"\t",
    b": ",
    b"- ",
    b"{",
    b"}",
    b"[",
    b"]",
    b"&a ",
    b"*a",
    b"<<: *a",
    b"!!binary ",
    b"? ",
    b"| ",
    b"--- ",
    b"'",
    b"\"",
    b"#",
    b"null",
    b"-1",
    b"1e999",
    b"18446744073709551616",
    b".nan",
    b"\xff",
    b"\xed\xa0\x80",
    b"\xef\xbb\xbf",
    b"\x1b[2J",
    b"\xc2\x9b1m",
    "\u{202e}".as_bytes(),
    "\u{10ffff}".as_bytes(),
    "e\u{301}".as_bytes(),
    b"../../etc/passwd",
    b"$(id)",
];
/// How long a repetition may get. The plan's own limit is a megabyte.
const LONGEST: usize = 2 << 20;

/// Makes an input of one of the seeds.
pub fn mutated(seeds: &[Vec<u8>], chance: &mut Rng) -> Vec<u8> {
    let mut input = chance.choice(seeds).cloned().unwrap_or_default();
    for _ in 0..1 << chance.u32(0..5) {
        mutate(&mut input, seeds, chance);
    }
    input
}

fn mutate(input: &mut Vec<u8>, seeds: &[Vec<u8>], chance: &mut Rng) {
    let place = chance.usize(0..=input.len());
    let piece = piece(input, chance);
    match chance.u32(0..12) {
        0 if place < input.len() => input[place] ^= 1 << chance.u32(0..8),
        1 if place < input.len() => input[place] = chance.u8(..),
        2 => drop(input.drain(piece)),
        3 => insert(input, place, WORDS[chance.usize(0..WORDS.len())]),
        4 => drop(input.splice(piece, WORDS[chance.usize(0..WORDS.len())].iter().copied())),
        5 => {
            let copied = input[piece].to_vec();
            insert(input, place, &copied);
        }
        6 => input.truncate(place),
        7 => splice(input, place, seeds, chance),
        // Lines change places, or come twice.
        8 | 9 => lines(input, chance),
        10 if chance.u32(0..40) == 0 => {
            let copied = input[piece].repeat(1 << chance.u32(0..14));
            insert(input, place, &copied[..copied.len().min(LONGEST)]);
        }
        _ => {
            let word = WORDS[chance.usize(0..WORDS.len())].repeat(chance.usize(1..200));
            insert(input, place, &word);
        }
    }
}

fn piece(input: &[u8], chance: &mut Rng) -> std::ops::Range<usize> {
    let start = chance.usize(0..=input.len());
    let most = 1 << chance.u32(0..10);
    start..(start + chance.usize(0..=most)).min(input.len())
}

fn insert(input: &mut Vec<u8>, place: usize, piece: &[u8]) {
    input.splice(place..place, piece.iter().copied());
}

/// Goes on with the end of another seed.
fn splice(input: &mut Vec<u8>, place: usize, seeds: &[Vec<u8>], chance: &mut Rng) {
    let Some(other) = chance.choice(seeds) else {
        return;
    };
    let from = chance.usize(0..=other.len());
    input.truncate(place);
    input.extend_from_slice(&other[from..]);
}

fn lines(input: &mut Vec<u8>, chance: &mut Rng) {
    let mut lines: Vec<Vec<u8>> = input
        .split(|byte| *byte == b'\n')
        .map(<[u8]>::to_vec)
        .collect();
    let (one, other) = (chance.usize(0..lines.len()), chance.usize(0..lines.len()));
    match chance.u32(0..4) {
        0 => lines.swap(one, other),
        1 => lines.insert(other, lines[one].clone()),
        2 => drop(lines.remove(one)),
        _ => {
            let indent = b" ".repeat(chance.usize(0..6));
            lines[one].splice(0..0, indent);
        }
    }
    *input = lines.join(&b'\n');
}
