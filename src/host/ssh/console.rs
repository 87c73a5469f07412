//! The host keys that cloud-init prints on the serial console at first boot.
//!
//! AWS hands the console's text over by an authenticated call
//! (`GetConsoleOutput`), so that the keys can be verified without having been
//! seen before (cloud-init's documentation, module "Keys to Console").

use super::HostKey;

const BEGIN: &str = "-----BEGIN SSH HOST KEY KEYS-----";
const END: &str = "-----END SSH HOST KEY KEYS-----";

/// Finds the host keys in a console's text; none where no whole block is left.
///
/// The text is a log: lines may have a prefix, lines of the kernel come in
/// between, the ring buffer may have cut a block, and each boot may add one.
/// The last whole block counts.
pub fn console_host_keys(text: &str) -> Vec<HostKey> {
    let mut last = Vec::new();
    let mut open: Option<Vec<HostKey>> = None;
    for line in text.lines() {
        if line.contains(BEGIN) {
            open = Some(Vec::new());
        } else if line.contains(END) {
            last = open.take().unwrap_or(last);
        } else if let Some(keys) = &mut open {
            keys.extend(key_in(line));
        }
    }
    last
}

/// Finds a key in a line: two words of which the first is the type of the second.
fn key_in(line: &str) -> Option<HostKey> {
    let words: Vec<&str> = line.split_whitespace().collect();
    let mut pairs = words.windows(2);
    pairs.find_map(|pair| HostKey::from_words(pair[0], pair[1]))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const ED25519: &str = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJhrMXX3HLBhAAbqbZBYxgBNpQsJ+2GBbOPAJ9LVJZfl root@ip-10-0-0-5";
    const OTHER: &str = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAABAgMEBQYHCAkKCwwNDg8QERITFBUWFxgZGhscHR4f root@ip-10-0-0-5";

    fn block(lines: &str) -> String {
        format!("{BEGIN}\n{lines}\n{END}\n")
    }

    fn found(text: &str) -> Vec<String> {
        let keys = console_host_keys(text).into_iter();
        keys.map(|key| format!("{key} root@ip-10-0-0-5")).collect()
    }

    #[test]
    fn a_plain_block_is_read() {
        assert_eq!(found(&block(ED25519)), [ED25519]);
        assert_eq!(found(&block(&format!("{ED25519}\n{OTHER}"))).len(), 2);
    }

    #[test]
    fn prefixes_and_carriage_returns_do_not_matter() {
        let text = block(ED25519).replace('\n', "\r\n");
        let lines = text.lines();
        let text: String = lines
            .map(|line| format!("[   21.5] cloud-init[812]: ci-info: {line}\r\n"))
            .collect();
        assert_eq!(found(&text), [ED25519]);
    }

    #[test]
    fn lines_of_others_in_between_do_not_matter() {
        let noise = "[   22.1] EXT4-fs (nvme0n1p1): resized filesystem to 7864064";
        assert_eq!(
            found(&block(&format!("{noise}\n{ED25519}\n{noise}"))),
            [ED25519]
        );
    }

    #[test]
    fn a_key_that_was_torn_does_not_count() {
        let torn = format!("{}[   22.1] oops {}", &ED25519[..40], &ED25519[40..]);
        assert_eq!(found(&block(&format!("{torn}\n{OTHER}"))), [OTHER]);
    }

    #[test]
    fn a_block_cut_off_at_either_end_does_not_count() {
        assert!(found(&format!("{BEGIN}\n{ED25519}\n")).is_empty());
        assert!(found(&format!("{ED25519}\n{END}\n")).is_empty());
        assert_eq!(
            found(&format!("{}{BEGIN}\n{OTHER}", block(ED25519))),
            [ED25519]
        );
        assert_eq!(
            found(&format!("{BEGIN}\n{OTHER}\n{}", block(ED25519))),
            [ED25519]
        );
    }

    #[test]
    fn the_last_boot_counts() {
        assert_eq!(
            found(&format!("{}{}", block(ED25519), block(OTHER))),
            [OTHER]
        );
    }

    proptest! {
        #[test]
        fn no_console_is_too_strange(lines in proptest::collection::vec(
            prop_oneof![Just(BEGIN.to_owned()), Just(END.to_owned()), Just(ED25519.to_owned()), ".{0,80}"], 0..20,
        )) {
            let _ = console_host_keys(&lines.join("\n"));
        }
    }
}
