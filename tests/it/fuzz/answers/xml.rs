//! As much of XML as AWS's answers have, to change one place of them.

use fastrand::Rng;

use crate::fuzz::json;

/// An element with its attributes as they stand, and what is in it.
#[derive(Debug, Clone, Default)]
struct Element {
    name: String,
    attributes: String,
    text: String,
    children: Vec<Element>,
}

/// What is in no schema of AWS's, and yet well-formed.
const STATES: [&str; 12] = [
    "terminated",
    "shutting-down",
    "deleting",
    "insync",
    "false",
    "true",
    "0",
    "-2147483649",
    "99999999999999999999",
    "NaN",
    "9999-99-99T99:99:99Z",
    "0.0.0.0/0",
];

/// Changes some places of an answer; gives it as it is where it is no XML.
pub fn mutated(text: &str, chance: &mut Rng) -> String {
    let Some(start) = text.find("<?xml").map_or_else(
        || text.find('<'),
        |start| {
            let end = text[start..].find("?>")?;
            text[start + end..].find('<').map(|next| start + end + next)
        },
    ) else {
        return text.to_owned();
    };
    let mut rest = &text[start..];
    let Some(mut root) = element(&mut rest) else {
        return text.to_owned();
    };
    for _ in 0..1 << chance.u32(0..3) {
        mutate(&mut root, chance);
    }
    let mut out = String::new();
    write(&root, &mut out);
    out
}

fn element(rest: &mut &str) -> Option<Element> {
    *rest = rest.trim_start();
    let (tag, after) = rest.strip_prefix('<')?.split_once('>')?;
    let (tag, is_empty) = match tag.strip_suffix('/') {
        Some(tag) => (tag, true),
        None => (tag, false),
    };
    let (name, attributes) = tag.split_at(tag.find(char::is_whitespace).unwrap_or(tag.len()));
    let mut found = Element {
        name: name.to_owned(),
        attributes: attributes.to_owned(),
        ..Element::default()
    };
    *rest = after;
    if is_empty {
        return Some(found);
    }
    loop {
        let (text, _) = rest.split_once('<')?;
        found.text.push_str(text.trim());
        *rest = &rest[text.len()..];
        if let Some(end) = rest.strip_prefix("</") {
            *rest = end.split_once('>')?.1;
            return Some(found);
        }
        found.children.push(element(rest)?);
    }
}

fn write(element: &Element, out: &mut String) {
    let Element {
        name,
        attributes,
        text,
        children,
    } = element;
    out.push_str(&format!("<{name}{attributes}>{text}"));
    for child in children {
        write(child, out);
    }
    out.push_str(&format!("</{name}>"));
}

fn count(element: &Element) -> usize {
    1 + element.children.iter().map(count).sum::<usize>()
}

/// Finds an element and its parent's children, so that it can go or come twice.
fn find<'a>(
    children: &'a mut Vec<Element>,
    index: &mut usize,
) -> Option<(&'a mut Vec<Element>, usize)> {
    for place in 0..children.len() {
        if *index == 0 {
            return Some((children, place));
        }
        *index -= 1;
        let below = count(&children[place]) - 1;
        if *index < below {
            return find(&mut children[place].children, index);
        }
        *index -= below;
    }
    None
}

fn mutate(root: &mut Element, chance: &mut Rng) {
    let below = count(root) - 1;
    if below == 0 {
        return;
    }
    let mut index = chance.usize(0..below);
    let Some((siblings, place)) = find(&mut root.children, &mut index) else {
        return;
    };
    match chance.u32(0..10) {
        0..=2 => drop(siblings.remove(place)),
        3 => siblings[place].children.clear(),
        4 => {
            siblings[place].children.clear();
            siblings[place].text.clear();
        }
        5 => {
            let copy = siblings[place].clone();
            let times = if chance.u32(0..20) == 0 { 2000 } else { 1 };
            siblings.splice(place..place, std::iter::repeat_n(copy, times));
        }
        6 => {
            let other = chance.usize(0..siblings.len());
            siblings.swap(place, other);
        }
        7 => {
            let names = [
                "nextToken",
                "item",
                "member",
                "IsTruncated",
                "Marker",
                "unknown",
            ];
            let element = Element {
                name: names[chance.usize(0..names.len())].to_owned(),
                text: absurd(chance),
                ..Element::default()
            };
            siblings.insert(place, element);
        }
        _ => {
            siblings[place].children.clear();
            siblings[place].text = absurd(chance);
        }
    }
}

/// A text that is legal in XML 1.0, which most controls are not.
fn absurd(chance: &mut Rng) -> String {
    let text = match chance.bool() {
        true => STATES[chance.usize(0..STATES.len())].to_owned(),
        false => json::strange(chance),
    };
    let is_legal = |sign: char| sign >= ' ' || "\t\n\r".contains(sign);
    let legal: String = text.chars().filter(|sign| is_legal(*sign)).collect();
    legal
        .replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_that_is_not_changed_is_the_same() {
        let text = "<a x=\"1\"><b>c &amp; d</b><e></e></a>";
        let mut root = element(&mut &text[..]).unwrap();
        let mut out = String::new();
        write(&root, &mut out);
        assert_eq!(out, text);
        assert_eq!(count(&root), 3);
        let (siblings, place) = find(&mut root.children, &mut 1).unwrap();
        assert_eq!(siblings[place].name, "e");
    }
}
