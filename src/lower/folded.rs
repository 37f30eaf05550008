//! One mistake, one finding: what templates stumble over because of a mistake that was said before them is not said again.

use super::{BAD_OBJECT, TEMPLATE_ERROR, TEMPLATE_LIMIT};
use crate::diag::{Diagnostic, Level};

/// Says whether findings hold no error.
pub fn is_whole(found: &[Diagnostic]) -> bool {
    found.iter().all(|d| d.level != Level::Error)
}

/// Takes out what templates were found to be wrong with from a place of the list on.
pub fn fold(found: &mut Vec<Diagnostic>, from: usize) {
    let made = found.split_off(from);
    let follows = |d: &Diagnostic| [&TEMPLATE_ERROR, &TEMPLATE_LIMIT, &BAD_OBJECT].contains(&d.code);
    found.extend(made.into_iter().filter(|d| !follows(d)));
}
