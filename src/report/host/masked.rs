//! Lines of files, without what looks like a secret.

/// What stands before a secret's value in configuration files.
const MARKS: [&str; 6] = [
    "password",
    "passwd",
    "secret",
    "token",
    "api_key",
    "private_key",
];
const MASK: &str = "********";

/// Masks the value of an assignment whose name speaks of a secret.
pub fn masked(line: &str) -> String {
    let sign = line.find(['=', ':']).or_else(|| line.find(' '));
    let Some(sign) = sign.filter(|_| speaks_of_secret(line)) else {
        return line.to_owned();
    };
    let (name, value) = line.split_at(sign + 1);
    match value.trim() {
        "" => line.to_owned(),
        _ => format!("{} {MASK}", name.trim_end()),
    }
}

fn speaks_of_secret(line: &str) -> bool {
    let lower = line.to_ascii_lowercase();
    MARKS.iter().any(|mark| lower.contains(mark))
}

#[cfg(test)]
mod tests {
    use super::masked;

    #[test]
    fn values_of_secrets_are_not_shown() {
        assert_eq!(
            masked("+c.X.auth_token = 'abc'"),
            "+c.X.auth_token = ********"
        );
        assert_eq!(masked("-DB_PASSWORD=hunter2"), "-DB_PASSWORD= ********");
        assert_eq!(masked("-secret hunter2"), "-secret ********");
        assert_eq!(masked("+listen 443 ssl;"), "+listen 443 ssl;");
    }
}
