//! Names of zones and records, in the form and order in which Route 53 has them.
//!
//! Sources: Route 53 Developer Guide, "DNS domain name format"; Route 53 API
//! Reference, "ListHostedZonesByName" and "ListResourceRecordSets".

/// Makes a name as Route 53 keeps it: lower case, a dot at the end, and what is
/// no letter, digit, `-`, `_` or dot as an octal escape.
pub fn canonical(name: &str) -> String {
    let mut text = String::new();
    for character in name.trim_end_matches('.').to_lowercase().chars() {
        match character {
            '*' => text.push_str("\\052"),
            '@' => text.push_str("\\100"),
            other => text.push(other),
        }
    }
    text.push('.');
    text
}

/// Gives what Route 53 sorts by: the labels from last to first, with dots.
pub fn sort_key(name: &str) -> String {
    let mut key = String::new();
    for label in name.trim_end_matches('.').rsplit('.') {
        key.push_str(label);
        key.push('.');
    }
    key
}

/// Takes an id out of `/hostedzone/Z…` or `/change/C…`, which the SDK lets pass
/// as an id.
pub fn bare(id: &str) -> &str {
    id.rsplit('/').next().unwrap_or(id)
}

/// Whether a name is one of the zone's own, the zone's name included.
pub fn is_in_zone(name: &str, zone: &str) -> bool {
    name == zone
        || name
            .strip_suffix(zone)
            .is_some_and(|rest| rest.ends_with('.'))
}
