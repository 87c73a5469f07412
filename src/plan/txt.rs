//! The text of a TXT record, in the notation of zone files: character strings in quotes (RFC 1035, section 5.1).
//!
//! It is what Route 53 takes, and what providers of mail show to be copied. A text of a plan that is in it already is
//! taken for that; any other is put into it.

/// The most octets of one character string (RFC 1035, section 3.3.14).
const LONGEST: usize = 255;

/// Writes a text as it is sent: in strings of at most 255 octets, one space between two.
pub fn written(text: &str) -> String {
    let strings = strings(text).unwrap_or_else(|| {
        let letters = text.char_indices();
        let escaped = letters.map(|(at, letter)| match letter {
            '\\' => "\\\\",
            '"' => "\\\"",
            _ => &text[at..at + letter.len_utf8()],
        });
        vec![escaped.collect()]
    });
    let pieces = strings.iter().flat_map(|octets| match octets.as_slice() {
        [] => vec!["\"\"".to_owned()],
        octets => octets
            .chunks(LONGEST)
            .map(|piece| format!("\"{}\"", piece.concat()))
            .collect(),
    });
    pieces.collect::<Vec<_>>().join(" ")
}

/// Whether a text is in the notation.
pub fn is_notation(text: &str) -> bool {
    strings(text).is_some()
}

/// Takes the notation apart: its strings, each in signs and escapes that stand for one octet. `None` for other texts.
fn strings(text: &str) -> Option<Vec<Vec<&str>>> {
    let mut strings = Vec::new();
    let mut rest = text.trim();
    while !rest.is_empty() {
        let (octets, after) = string(rest)?;
        strings.push(octets);
        let next = after.trim_start();
        // Two strings have a space between them.
        if !next.is_empty() && next.len() == after.len() {
            return None;
        }
        rest = next;
    }
    (!strings.is_empty()).then_some(strings)
}

/// Reads the first string of a text, and gives what comes after it.
fn string(text: &str) -> Option<(Vec<&str>, &str)> {
    let mut rest = text.strip_prefix('"')?;
    let mut octets = Vec::new();
    loop {
        if let Some(after) = rest.strip_prefix('"') {
            return Some((octets, after));
        }
        let (octet, after) = rest.split_at(length(rest)?);
        octets.push(octet);
        rest = after;
    }
}

/// The length of what stands for the first octet: a sign, `\\` and a sign, or `\\` and three digits.
fn length(text: &str) -> Option<usize> {
    let first = text.chars().next()?;
    if first != '\\' {
        return Some(first.len_utf8());
    }
    let is_number = text
        .get(1..4)
        .is_some_and(|digits| digits.bytes().all(|digit| digit.is_ascii_digit()));
    match is_number {
        true => Some(4),
        false => text.chars().nth(1).map(|second| 1 + second.len_utf8()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_providers_show_is_taken_as_it_is_meant() {
        let long = "k".repeat(300);
        let (head, tail) = long.split_at(255);
        let cases = [
            ("v=spf1 -all", "\"v=spf1 -all\"".to_owned()),
            ("\"v=spf1 -all\"", "\"v=spf1 -all\"".to_owned()),
            (
                "\"k=rsa; \"  \"p=MIG\" ",
                "\"k=rsa; \" \"p=MIG\"".to_owned(),
            ),
            ("\"\"", "\"\"".to_owned()),
            ("say \"a\\b\"", "\"say \\\"a\\\\b\\\"\"".to_owned()),
            ("\"say \\\"a\\\"\"", "\"say \\\"a\\\"\"".to_owned()),
            (long.as_str(), format!("\"{head}\" \"{tail}\"")),
            (&format!("\"{long}\""), format!("\"{head}\" \"{tail}\"")),
        ];
        for (text, sent) in cases {
            assert_eq!(written(text), sent, "{text}");
            assert_eq!(written(&sent), sent, "what is sent is read as it is");
        }
        // An escape is never cut in two.
        let escapes = format!("\"{}\"", "\\303".repeat(300));
        for piece in written(&escapes).split(' ') {
            assert_eq!((piece.len() - 2) % 4, 0);
        }
    }

    #[test]
    fn other_texts_are_not_in_the_notation() {
        for text in [
            "",
            "a",
            "\"a",
            "a\"",
            "\"a\"b",
            "\"a\"\"b\"",
            "\"a\\\"",
            "a \"b\"",
        ] {
            assert!(!is_notation(text), "{text}");
        }
    }
}
