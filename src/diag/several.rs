//! Findings of several targets as one list: each is said once, and names its targets where it does not hold for all.

use super::{Code, Diagnostic};

/// Whom a finding may be about.
#[derive(Clone, Debug)]
pub struct Subject {
    /// Names by which a message may have said it already.
    pub names: Vec<String>,
    /// How people call it: "environment `dev`".
    pub words: String,
    /// Targets of one sort could all have a finding; what a cluster's environments share is another sort.
    pub sort: bool,
}

/// The findings on their way.
pub struct Several {
    subjects: Vec<Subject>,
    found: Vec<(Diagnostic, Vec<usize>)>,
}

impl Several {
    /// Returns an empty list for some targets.
    pub fn new(subjects: impl IntoIterator<Item = Subject>) -> Self {
        Self { subjects: subjects.into_iter().collect(), found: Vec::new() }
    }

    /// Adds what was found in a target.
    pub fn add(&mut self, index: usize, diagnostics: impl IntoIterator<Item = Diagnostic>) {
        for diagnostic in diagnostics {
            let same = |d: &Diagnostic| {
                let place = |d: &Diagnostic| d.labels.first().map(|l| l.span);
                d.code == diagnostic.code
                    && d.level == diagnostic.level
                    && place(d) == place(&diagnostic)
                    && d.message == diagnostic.message
            };
            match self.found.iter_mut().find(|(known, _)| same(known)) {
                Some((_, targets)) if targets.contains(&index) => {}
                Some((_, targets)) => targets.push(index),
                None => self.found.push((diagnostic, vec![index])),
            }
        }
    }

    /// Returns them, in the order in which they were found first.
    pub fn said(self) -> Vec<Diagnostic> {
        let Self { subjects, found } = self;
        found.into_iter().map(|(diagnostic, targets)| named(diagnostic, &targets, &subjects)).collect()
    }
}

/// Makes one finding of all with a code that have one cause; it shows the first three places.
pub fn join(found: &mut Vec<Diagnostic>, code: &'static Code) {
    let (mut same, rest): (Vec<_>, Vec<_>) = std::mem::take(found).into_iter().partition(|d| d.code == code);
    *found = rest;
    if same.is_empty() {
        return;
    }
    let others = same.split_off(1);
    let more = others.len();
    let mut first = same.remove(0);
    first.labels.extend(others.into_iter().take(2).flat_map(|d| d.labels.into_iter().take(1)));
    found.push(match more {
        0 => first,
        1 => first.note("and one more like this"),
        _ => first.note(format!("and {more} more like this")),
    });
}

fn named(diagnostic: Diagnostic, targets: &[usize], subjects: &[Subject]) -> Diagnostic {
    let sort = targets.first().and_then(|index| subjects.get(*index)).map(|subject| subject.sort);
    let all = subjects.iter().filter(|subject| Some(subject.sort) == sort).count();
    let names = targets.iter().filter_map(|index| subjects.get(*index)).flat_map(|subject| &subject.names);
    let said = |name: &String| diagnostic.message.contains(&format!("`{name}`"));
    let words: Vec<&str> = targets.iter().filter_map(|index| Some(subjects.get(*index)?.words.as_str())).collect();
    if targets.len() >= all || words.is_empty() || names.into_iter().any(said) {
        return diagnostic;
    }
    let list = match words.split_last() {
        Some((last, [])) => (*last).to_string(),
        Some((last, rest)) => format!("{} and {last}", rest.join(", ")),
        None => String::new(),
    };
    diagnostic.note(format!("only in {list}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::parse::INVALID_VALUE;

    #[test]
    fn what_holds_for_some_names_them() {
        let subject = |name: &str| Subject { names: vec![], words: format!("environment `{name}`"), sort: false };
        let mut several = Several::new(["dev", "lab", "prod"].map(subject));
        let one = || Diagnostic::error(&INVALID_VALUE, "everywhere");
        let other = || Diagnostic::error(&INVALID_VALUE, "somewhere");
        several.add(0, [one(), other(), other()]);
        several.add(1, [one()]);
        several.add(2, [one(), other()]);
        let said: Vec<(String, Vec<String>)> = several.said().into_iter().map(|d| (d.message, d.notes)).collect();
        let note = "only in environment `dev` and environment `prod`".to_string();
        assert_eq!(said, [("everywhere".into(), vec![]), ("somewhere".into(), vec![note])]);
    }
}
