//! How many lines differ, for texts too large to compare in detail.
//!
//! Lines are compared as a bag, so that a million of them, or a permutation, cost no more than
//! sorting.

use std::cmp::Ordering;

/// Lines that stand on one side only.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LineCounts {
    pub added: usize,
    pub removed: usize,
    /// Bytes of the larger side.
    pub bytes: usize,
}

/// Counts the lines that are only in one of the two texts.
pub fn count(old: &str, new: &str) -> LineCounts {
    let sorted = |text| {
        let mut lines: Vec<&str> = str::lines(text).collect();
        lines.sort_unstable();
        lines
    };
    let (old_lines, new_lines) = (sorted(old), sorted(new));
    let (mut i, mut j) = (0, 0);
    let mut counts = LineCounts { bytes: old.len().max(new.len()), ..LineCounts::default() };
    while let (Some(a), Some(b)) = (old_lines.get(i), new_lines.get(j)) {
        match a.cmp(b) {
            Ordering::Less => (counts.removed, i) = (counts.removed + 1, i + 1),
            Ordering::Greater => (counts.added, j) = (counts.added + 1, j + 1),
            Ordering::Equal => (i, j) = (i + 1, j + 1),
        }
    }
    counts.removed += old_lines.len() - i;
    counts.added += new_lines.len() - j;
    counts
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_counted_as_a_bag() {
        let counts = |old, new| {
            let counts = count(old, new);
            (counts.added, counts.removed)
        };
        assert_eq!(counts("a\nb\nc", "c\na\nb"), (0, 0));
        assert_eq!(counts("a\na\nb", "a\nx\ny"), (2, 2));
        assert_eq!(counts("", "a"), (1, 0));
    }
}
