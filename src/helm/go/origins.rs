//! Which line of a template printed each line of what it prints.

/// Which place of a file printed what stands from some offset on.
pub(super) struct Mark {
    pub(super) out: usize,
    pub(super) at: u32,
    /// Printed as it stands in the file.
    pub(super) verbatim: bool,
}

/// Returns the line of the template, from 1, that printed each line.
pub(super) fn origins(out: &str, marks: &[Mark], text: &str) -> Vec<u32> {
    if out.trim_start().is_empty() {
        return vec![1; out.lines().count()];
    }
    let newlines: Vec<usize> = text.match_indices('\n').map(|(at, _)| at).collect();
    let mut start = 0;
    let mut lines = Vec::new();
    for line in out.split_inclusive('\n') {
        let first = start + line.len() - line.trim_start().len();
        let found = marks.partition_point(|mark| mark.out <= first).checked_sub(1).and_then(|last| marks.get(last));
        let at = found.map_or(0, |mark| mark.at as usize + if mark.verbatim { first - mark.out } else { 0 });
        lines.push(u32::try_from(newlines.partition_point(|newline| *newline < at) + 1).unwrap_or(u32::MAX));
        start += line.len();
    }
    lines
}
