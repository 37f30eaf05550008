//! `values.yaml` × `values.yaml` → the defaults that changed, came and went. Lists are one value each, as for Helm.

use super::DefaultValue;
use crate::check::dotted;
use crate::manifest::value::{Map, Value};

/// Compares the default values of a chart. `set` has the values that each target sets.
pub fn compare(old: &Map, new: &Map, set: &[Option<&Value>]) -> Vec<DefaultValue> {
    let mut out = Vec::new();
    maps(old, new, set, &mut Vec::new(), &mut out);
    out
}

fn maps(old: &Map, new: &Map, set: &[Option<&Value>], path: &mut Vec<String>, out: &mut Vec<DefaultValue>) {
    for key in old.keys().chain(new.keys().filter(|key| !old.contains_key(*key))) {
        path.push(key.to_string());
        match (old.get(key), new.get(key)) {
            (Some(Value::Map(old)), Some(Value::Map(new))) => maps(old, new, set, path, out),
            (old, new) if old == new => {}
            (old, new) => {
                let is_set = |values: Option<&Value>| values.is_some_and(|values| values.within(path).is_some());
                out.push(DefaultValue {
                    path: dotted(path),
                    old: old.cloned(),
                    new: new.cloned(),
                    // A map that is set in part still takes the rest from the default.
                    set: new.is_some()
                        && !set.is_empty()
                        && set.iter().copied().all(is_set)
                        && !matches!((old, new), (Some(Value::Map(_)), _) | (_, Some(Value::Map(_)))),
                });
            }
        }
        path.pop();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::manifest::yaml;

    #[test]
    fn changed_added_removed() {
        let read = |text: &str| yaml::read_one(text).unwrap();
        let old = read("a: {b: 1, c: [1]}\nd: x\nsame: {e: 1}\n");
        let new = read("a: {b: 2, c: [1, 2]}\nsame: {e: 1}\nnew: {f: 1}\n");
        let set = read("a: {b: 5}\nnew: {g: 1}");
        let found = compare(old.as_map().unwrap(), new.as_map().unwrap(), &[Some(&set)]);
        let rows: Vec<(&str, bool, bool, bool)> =
            found.iter().map(|d| (d.path.as_str(), d.old.is_some(), d.new.is_some(), d.set)).collect();
        assert_eq!(
            rows,
            [
                ("a.b", true, true, true),
                ("a.c", true, true, false),
                ("d", true, false, false),
                ("new", false, true, false)
            ]
        );
    }
}
