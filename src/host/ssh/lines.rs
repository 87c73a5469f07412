//! Cuts what a command prints into lines.

/// No line of ours comes near this; one that does would fill the memory, read as JSON twenty times its length.
/// The longest is the probe's answer, with at most 256 KiB of each file that differs (`python/agent/agent/probe.py`).
const LONGEST: usize = 16 << 20;

/// No command of ours prints as much, pip and apt at their most talkative included; one that does would go on for ever.
const MOST: usize = 256 << 20;

/// The beginning of a line whose end has not come yet.
#[derive(Debug, Default)]
pub struct Lines {
    pending: Vec<u8>,
    taken: usize,
}

/// A line, or a text, that goes on and on.
#[derive(Debug, PartialEq, Eq)]
pub struct TooLong;

impl Lines {
    /// Takes the next bytes, and hands over each line that is whole, without its end.
    pub fn push(
        &mut self,
        mut bytes: &[u8],
        on_line: &mut dyn FnMut(&[u8]),
    ) -> Result<(), TooLong> {
        self.taken += bytes.len();
        if self.taken > MOST {
            return Err(TooLong);
        }
        while let Some(end) = bytes.iter().position(|byte| *byte == b'\n') {
            let (head, rest) = bytes.split_at(end);
            bytes = &rest[1..];
            if self.pending.is_empty() {
                on_line(head);
            } else {
                self.pending.extend(head);
                on_line(&self.pending);
                self.pending.clear();
            }
        }
        self.pending.extend(bytes);
        match self.pending.len() {
            0..=LONGEST => Ok(()),
            _ => Err(TooLong),
        }
    }

    /// Hands over what came after the last line's end.
    pub fn finish(self, on_line: &mut dyn FnMut(&[u8])) {
        if !self.pending.is_empty() {
            on_line(&self.pending);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_line_without_end_is_given_up() {
        let mut lines = Lines::default();
        let piece = vec![b'x'; LONGEST];
        assert_eq!(lines.push(&piece, &mut |_| {}), Ok(()));
        assert_eq!(lines.push(b"x", &mut |_| {}), Err(TooLong));
    }

    #[test]
    fn a_text_without_end_is_given_up() {
        let mut lines = Lines::default();
        let piece = vec![b'\n'; 1 << 20];
        let pieces = (0..=MOST >> 20).map(|_| lines.push(&piece, &mut |_| {}));
        assert_eq!(pieces.filter(Result::is_err).count(), 1);
    }

    proptest! {
        #[test]
        fn lines_do_not_depend_on_the_pieces(text in "[ab\n]{0,60}", cuts in proptest::collection::vec(0..60_usize, 0..6)) {
            let mut lines = Lines::default();
            let mut found: Vec<Vec<u8>> = Vec::new();
            let mut on_line = |line: &[u8]| found.push(line.to_vec());
            let mut cuts = cuts;
            cuts.retain(|cut| *cut <= text.len());
            cuts.sort_unstable();
            let mut from = 0;
            for cut in cuts.into_iter().chain([text.len()]) {
                lines.push(&text.as_bytes()[from..cut], &mut on_line).unwrap();
                from = cut;
            }
            lines.finish(&mut on_line);
            let mut expected: Vec<&str> = text.split('\n').collect();
            expected.pop_if(|last| last.is_empty());
            prop_assert_eq!(found, expected.iter().map(|line| line.as_bytes().to_vec()).collect::<Vec<_>>());
        }
    }
}
