//! Filters and pages of the calls that list.

use aws_sdk_ec2::types::{Filter, Tag};

use super::refusal::{Answer, refuse};

/// What a filter's name reads from a row.
pub type Field<T> = (&'static str, fn(&T) -> Vec<String>);

/// Whether a row passes a filter.
type Test<'a, T> = Box<dyn Fn(&T) -> bool + 'a>;

/// The filters that one call knows.
pub struct Filters<T: 'static> {
    /// The filters, by name.
    pub fields: &'static [Field<T>],
    /// Where the tags of a row are, for `tag:KEY` and `tag-key`.
    pub tags: fn(&T) -> &[Tag],
}

impl<T> Filters<T> {
    /// Keeps the rows that every filter admits; an unknown filter is refused.
    pub fn select(&self, rows: Vec<T>, filters: &[Filter]) -> Answer<Vec<T>> {
        let tests = filters
            .iter()
            .map(|filter| self.test(filter))
            .collect::<Answer<Vec<_>>>()?;
        let admitted = |row: &T| tests.iter().all(|test| test(row));
        Ok(rows.into_iter().filter(admitted).collect())
    }

    fn test<'a>(&'a self, filter: &'a Filter) -> Answer<Test<'a, T>> {
        let name = filter.name().unwrap_or_default();
        let patterns = filter.values();
        if patterns.is_empty() {
            let message = "The filter 'null' is invalid".to_owned();
            return Err(refuse("InvalidParameterValue", message));
        }
        let admits = move |value: &str| patterns.iter().any(|pattern| matches(pattern, value));
        if let Some(key) = name.strip_prefix("tag:") {
            let is_tag =
                move |tag: &Tag| tag.key() == Some(key) && admits(tag.value().unwrap_or_default());
            return Ok(Box::new(move |row| (self.tags)(row).iter().any(is_tag)));
        }
        if name == "tag-key" {
            let is_key = move |tag: &Tag| admits(tag.key().unwrap_or_default());
            return Ok(Box::new(move |row| (self.tags)(row).iter().any(is_key)));
        }
        let Some((_, read)) = self.fields.iter().find(|(known, _)| *known == name) else {
            let message = format!("The filter '{name}' is invalid");
            return Err(refuse("InvalidParameterValue", message));
        };
        Ok(Box::new(move |row| {
            read(row).iter().any(|value| admits(value))
        }))
    }
}

/// Whether a value has the pattern's form, where `*` stands for any text and
/// `?` for any character.
pub fn matches(pattern: &str, value: &str) -> bool {
    match (pattern.chars().next(), value.chars().next()) {
        (None, first) => first.is_none(),
        (Some('*'), _) => {
            let rest = &pattern[1..];
            let ends = value.char_indices().map(|(at, _)| at).chain([value.len()]);
            ends.into_iter().any(|at| matches(rest, &value[at..]))
        }
        (Some(wanted), Some(found)) if wanted == '?' || wanted == found => {
            matches(&pattern[wanted.len_utf8()..], &value[found.len_utf8()..])
        }
        _ => false,
    }
}

/// Spells a field that may be missing as the values that a filter compares.
pub fn values(field: Option<impl ToString>) -> Vec<String> {
    field.iter().map(ToString::to_string).collect()
}

/// Cuts one page out of a list: at most `limit` rows from where the token says.
pub fn page<T>(
    rows: Vec<T>,
    limit: usize,
    token: Option<&str>,
) -> Answer<(Vec<T>, Option<String>)> {
    let start = match token {
        None => 0,
        Some(token) => token
            .strip_prefix("from-")
            .and_then(|number| number.parse::<usize>().ok())
            .ok_or_else(|| refuse("InvalidNextToken", "The token is not valid"))?,
    };
    let next = start.saturating_add(limit);
    let token = (next < rows.len()).then(|| format!("from-{next}"));
    Ok((rows.into_iter().skip(start).take(limit).collect(), token))
}

/// Checks EC2's `MaxResults`, which lies between 5 and 1000.
pub fn limit(max_results: Option<i32>) -> Answer<usize> {
    match max_results {
        None => Ok(1000),
        Some(number) => match usize::try_from(number) {
            Ok(number @ 5..) => Ok(number.min(1000)),
            _ => Err(refuse(
                "InvalidParameterValue",
                format!(
                    "Value ( {number} ) for parameter maxResults is invalid. Expecting a value greater than 5."
                ),
            )),
        },
    }
}
