//! Which characters a terminal obeys instead of showing them.

/// Whether a character steers a terminal, or turns the direction of writing round, so that a text
/// reads otherwise than it is (Unicode Standard Annex 9, "Explicit Directional Formatting Characters").
pub const fn steers(character: char) -> bool {
    matches!(
        character,
        '\0'..='\x1f'
            | '\x7f'..='\u{9f}'
            | '\u{61c}'
            | '\u{200e}'
            | '\u{200f}'
            | '\u{202a}'..='\u{202e}'
            | '\u{2066}'..='\u{2069}'
    )
}

/// Makes a text safe to print: what would steer the terminal is shown instead, but for line ends.
pub fn harmless_lines(text: &str) -> String {
    escaped(text, |character| character != '\n' && steers(character))
}

/// Makes a text safe to print on one line.
pub fn harmless(text: &str) -> String {
    escaped(text, steers)
}

/// Makes the text of a JSON document safe to print. What steers can stand in its strings alone,
/// where it means the same when it is escaped; serde_json escapes only what JSON demands.
pub fn harmless_json(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for character in text.chars() {
        match character != '\n' && steers(character) {
            true => safe.push_str(&format!("\\u{:04x}", u32::from(character))),
            false => safe.push(character),
        }
    }
    safe
}

/// Makes a text safe to print that has labctl's own styles in it: colours and the like pass
/// (ECMA-48, "SGR"), whatever else steers the terminal does not, wherever it came from.
pub fn harmless_but_styles(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, after)) = rest.split_once("\u{1b}[") {
        safe.push_str(&plain(before));
        let end = after.find(|sign: char| !sign.is_ascii_digit() && sign != ';');
        match end.filter(|end| after[*end..].starts_with('m')) {
            Some(end) => {
                safe.push_str(&format!("\u{1b}[{}m", &after[..end]));
                rest = &after[end + 1..];
            }
            None => {
                safe.push_str("\\u{1b}[");
                rest = after;
            }
        }
    }
    safe.push_str(&plain(rest));
    safe
}

/// Lets the signs through that labctl's own texts and drawings are made of.
fn plain(text: &str) -> String {
    escaped(text, |sign| !matches!(sign, '\n' | '\t') && steers(sign))
}

fn escaped(text: &str, is_unsafe: impl Fn(char) -> bool) -> String {
    let mut safe = String::with_capacity(text.len());
    for character in text.chars() {
        match is_unsafe(character) {
            true => safe.extend(character.escape_default()),
            false => safe.push(character),
        }
    }
    safe
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_steers_is_shown() {
        let text = "a\u{1b}[2J\u{9b}1m\u{202e}b\nc";
        assert_eq!(harmless(text), "a\\u{1b}[2J\\u{9b}1m\\u{202e}b\\nc");
        assert_eq!(harmless_lines(text), "a\\u{1b}[2J\\u{9b}1m\\u{202e}b\nc");
        assert_eq!(harmless("größer – ✓ שלום"), "größer – ✓ שלום");
    }

    #[test]
    fn styles_pass_and_nothing_else() {
        let text = "\u{1b}[1;31ma\u{1b}[0m\u{1b}[2J\u{1b}]0;x\u{7}\u{1b}[1\n\tb";
        let safe = "\u{1b}[1;31ma\u{1b}[0m\\u{1b}[2J\\u{1b}]0;x\\u{7}\\u{1b}[1\n\tb";
        assert_eq!(harmless_but_styles(text), safe);
    }

    #[test]
    fn a_document_means_the_same() {
        let value = serde_json::json!({ "a\u{9b}": "\u{1b}[2J\u{202e}\u{7f}\n\u{2066}" });
        for text in [value.to_string(), format!("{value:#}")] {
            let safe = harmless_json(&text);
            assert!(
                !safe
                    .chars()
                    .any(|character| character != '\n' && steers(character)),
                "{safe}"
            );
            assert_eq!(
                serde_json::from_str::<serde_json::Value>(&safe).unwrap(),
                value
            );
        }
    }
}
