//! Which files of a folder are left out: `.dockerignore`, by Docker's rules
//! ("Dockerfile reference", .dockerignore file), for every folder that is sent.

/// What nobody means to send.
const NEVER: [&str; 12] = [
    "**/.git",
    "**/.DS_Store",
    "**/.Rhistory",
    "**/.Rproj.user",
    "**/.ipynb_checkpoints",
    "**/.labctl-complete",
    "**/.mypy_cache",
    "**/.pytest_cache",
    "**/.venv",
    "**/__pycache__",
    "**/node_modules",
    "**/venv",
];

/// The patterns of a folder, in their order: the last that fits decides.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ignore {
    patterns: Vec<Pattern>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Pattern {
    parts: Vec<String>,
    takes_back: bool,
}

impl Ignore {
    /// Reads the text of a `.dockerignore`; what nobody means to send comes first.
    pub fn new(text: &str) -> Self {
        let own = text.trim_start_matches('\u{feff}').lines();
        let lines = NEVER.iter().copied().chain(own);
        Self {
            patterns: lines.filter_map(Pattern::new).collect(),
        }
    }

    /// Says whether a path is left out, by a pattern of its own or of a folder above it.
    pub fn leaves_out(&self, path: &str) -> bool {
        let parts: Vec<&str> = path.split('/').collect();
        let fits = |pattern: &Pattern| {
            (1..=parts.len()).any(|length| matches(&pattern.parts, &parts[..length]))
        };
        let last = self.patterns.iter().rev().find(|pattern| fits(pattern));
        last.is_some_and(|pattern| !pattern.takes_back)
    }

    /// Says whether a whole folder can be skipped: nothing below it is taken back.
    pub fn skips(&self, folder: &str) -> bool {
        self.leaves_out(folder) && !self.patterns.iter().any(|pattern| pattern.takes_back)
    }
}

impl Pattern {
    fn new(line: &str) -> Option<Self> {
        if line.starts_with('#') {
            return None;
        }
        let line = line.trim();
        let (takes_back, text) = match line.strip_prefix('!') {
            Some(rest) => (true, rest.trim()),
            None => (false, line),
        };
        let parts = text.split('/').filter(|part| !matches!(*part, "" | "."));
        let parts: Vec<_> = parts.map(str::to_owned).collect();
        (!parts.is_empty()).then_some(Self { parts, takes_back })
    }
}

/// `**` stands for any number of parts, none included.
fn matches(pattern: &[String], path: &[&str]) -> bool {
    match (pattern.split_first(), path.split_first()) {
        (None, None) => true,
        (Some((first, rest)), _) if first == "**" => {
            (0..=path.len()).any(|taken| matches(rest, &path[taken..]))
        }
        (Some((first, rest)), Some((part, others))) => {
            let (first, part): (Vec<_>, Vec<_>) = (first.chars().collect(), part.chars().collect());
            matches_part(&first, &part) && matches(rest, others)
        }
        _ => false,
    }
}

/// Go's `filepath.Match` within one part: `*`, `?`, `[a-z]`, and `\` before any.
fn matches_part(pattern: &[char], part: &[char]) -> bool {
    match pattern.split_first() {
        None => part.is_empty(),
        Some(('*', rest)) => (0..=part.len()).any(|taken| matches_part(rest, &part[taken..])),
        Some(('?', rest)) => !part.is_empty() && matches_part(rest, &part[1..]),
        Some(('[', rest)) => {
            let (Some(end), Some(letter)) = (
                rest.iter().skip(1).position(|letter| *letter == ']'),
                part.first(),
            ) else {
                return false;
            };
            let (class, rest) = (&rest[..=end], &rest[end + 2..]);
            in_class(class, *letter) && matches_part(rest, &part[1..])
        }
        Some(('\\', rest)) if !rest.is_empty() => {
            part.first() == rest.first() && matches_part(&rest[1..], &part[1..])
        }
        Some((letter, rest)) => part.first() == Some(letter) && matches_part(rest, &part[1..]),
    }
}

fn in_class(class: &[char], letter: char) -> bool {
    let (is_negated, class) = match class.split_first() {
        Some(('^', rest)) => (true, rest),
        _ => (false, class),
    };
    let mut found = false;
    let mut place = 0;
    while place < class.len() {
        let is_range = class.get(place + 1) == Some(&'-') && place + 2 < class.len();
        let end = if is_range { place + 2 } else { place };
        found |= (class[place]..=class[end]).contains(&letter);
        place = end + 1;
    }
    found != is_negated
}

#[cfg(test)]
mod tests {
    use super::*;

    fn left_out<'a>(text: &str, paths: &[&'a str]) -> Vec<&'a str> {
        let ignore = Ignore::new(text);
        let paths = paths.iter().copied();
        paths.filter(|path| ignore.leaves_out(path)).collect()
    }

    #[test]
    fn the_rules_are_dockers() {
        let paths = [
            "a.md",
            "README.md",
            "docs/a.md",
            "src/x.o",
            "src/deep/y.o",
            "temp1/z",
            "keep",
            "tmp",
        ];
        let cases: [(&str, &[&str]); 8] = [
            ("*.md\n!README.md", &["a.md"]),
            ("!README.md\n*.md", &["a.md", "README.md"]),
            ("**/*.md", &["a.md", "README.md", "docs/a.md"]),
            ("*/*.o", &["src/x.o"]),
            ("src", &["src/x.o", "src/deep/y.o"]),
            ("src\n!src/deep", &["src/x.o"]),
            ("# *\n/temp?/\nt[a-m]p", &["temp1/z", "tmp"]),
            (
                "[^k]*\n",
                &[
                    "a.md",
                    "README.md",
                    "docs/a.md",
                    "src/x.o",
                    "src/deep/y.o",
                    "temp1/z",
                    "tmp",
                ],
            ),
        ];
        for (text, expected) in cases {
            assert_eq!(left_out(text, &paths), expected, "{text:?}");
        }
    }

    #[test]
    fn what_nobody_means_to_send_stays_unless_it_is_taken_back() {
        let paths = [".git/config", "a/__pycache__/b.pyc", "venv/bin/python"];
        assert_eq!(left_out("", &paths), paths);
        assert_eq!(left_out("!venv", &paths), paths[..2]);
    }

    #[test]
    fn malformed_patterns_fit_nothing() {
        for text in ["[", "[a", "a\\", "[]", "!", "/", "**/["] {
            assert_eq!(left_out(text, &["a", "x/y"]), [""; 0], "{text}");
        }
    }
}
