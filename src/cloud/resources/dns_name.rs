//! Names as Route 53 gives them, and their normal form.

/// The normal form: lower case, no dot at the end, escapes undone.
///
/// Route 53 writes characters other than letters, digits, `-` and `_` as a
/// backslash and three octal digits, `*` as `\052` (Route 53 Developer Guide,
/// "DNS domain name format").
pub fn normal_form(name: &str) -> String {
    let mut plain = String::with_capacity(name.len());
    let mut rest = name.strip_suffix('.').unwrap_or(name);
    while let Some(character) = rest.chars().next() {
        let escaped = rest
            .strip_prefix('\\')
            .and_then(|digits| digits.get(..3))
            .and_then(|digits| u8::from_str_radix(digits, 8).ok());
        match escaped {
            Some(code) => {
                plain.push(char::from(code));
                rest = &rest[4..];
            }
            None => {
                plain.push(character);
                rest = &rest[character.len_utf8()..];
            }
        }
    }
    plain.to_ascii_lowercase()
}

/// The full name of a record: `@` is the zone itself.
pub fn absolute(name: &str, zone: &str) -> String {
    match name {
        "@" => zone.to_owned(),
        _ => format!("{name}.{zone}"),
    }
}

/// The name of a record in its zone; `None` where it is not in the zone.
pub fn relative(name: &str, zone: &str) -> Option<String> {
    if name == zone {
        return Some("@".to_owned());
    }
    let before = name.strip_suffix(zone)?.strip_suffix('.')?;
    Some(before.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn route_53s_spelling_is_undone() {
        assert_eq!(normal_form("\\052.Do4DS-lab.shop."), "*.do4ds-lab.shop");
        assert_eq!(normal_form("www.do4ds-lab.shop"), "www.do4ds-lab.shop");
        assert_eq!(normal_form("odd\\"), "odd\\");
        assert_eq!(normal_form("ä\\05"), "ä\\05");
    }

    #[test]
    fn names_go_in_and_out_of_their_zone() {
        for name in ["@", "*", "www", "a.b"] {
            let full = absolute(name, "example.com");
            assert_eq!(relative(&full, "example.com").as_deref(), Some(name));
        }
        assert_eq!(relative("badexample.com", "example.com"), None);
    }
}
