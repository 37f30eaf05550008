//! What several values share, and what each has of its own.
//!
//! The shared part is the deep intersection: maps are taken apart key by key, everything else (lists too) is shared only
//! when it is equal everywhere. So laying a value's own part over the shared part gives the value back, and nothing ever
//! has to be removed: true for Helm's merge of values files and for kustomize's strategic merge alike.

use std::borrow::Cow;

use crate::manifest::value::{Map, Value};

/// Returns the deep intersection of the values; `None` when they share nothing.
pub fn shared<'v>(values: &[&'v Value]) -> Option<Cow<'v, Value>> {
    let (first, rest) = values.split_first()?;
    if rest.iter().all(|value| std::ptr::eq(*value, *first) || value == first) {
        return Some(Cow::Borrowed(first));
    }
    let maps: Vec<&Map> = values.iter().map(|v| v.as_map()).collect::<Option<_>>()?;
    let mut common = Map::default();
    for (key, _) in maps[0] {
        let inner: Option<Vec<&Value>> = maps.iter().map(|map| map.get(key)).collect();
        if let Some(value) = inner.and_then(|inner| shared(&inner)) {
            common.insert(key.clone(), value.into_owned());
        }
    }
    (!common.is_empty()).then_some(Cow::Owned(Value::Map(common)))
}

/// Returns what `value` has beyond `base`; `None` when there is nothing.
pub fn own(value: &Value, base: &Value) -> Option<Value> {
    if std::ptr::eq(value, base) || value == base {
        return None;
    }
    let (Value::Map(map), Value::Map(below)) = (value, base) else { return Some(value.clone()) };
    let rest: Map = map
        .iter()
        .filter_map(|(key, value)| match below.get(key) {
            Some(base) => own(value, base).map(|rest| (key.clone(), rest)),
            None => Some((key.clone(), value.clone())),
        })
        .collect();
    (!rest.is_empty()).then_some(Value::Map(rest))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::manifest::yaml::read_one;

    #[test]
    fn shared_plus_own_gives_each_value_back() {
        let a = read_one("a: 1\nb: {x: 1, y: [1, 2]}\nc: {}\n").expect("YAML");
        let b = read_one("a: 1\nb: {x: 2, y: [1, 2]}\nd: 3\n").expect("YAML");
        let base = shared(&[&a, &b]).expect("they share a and b.y").into_owned();
        assert_eq!(base, read_one("a: 1\nb: {y: [1, 2]}\n").expect("YAML"));
        for value in [&a, &b] {
            let mut joined = base.clone();
            joined.merge(own(value, &base).expect("each differs"));
            let sorted = |v: &Value| {
                let mut m = v.as_map().expect("a map").clone();
                m.sort_keys();
                m
            };
            assert_eq!(sorted(&joined).keys().collect::<Vec<_>>(), sorted(value).keys().collect::<Vec<_>>());
            assert_eq!(joined.get("b").and_then(|b| b.get("x")), value.get("b").and_then(|b| b.get("x")));
        }
    }

    #[test]
    fn an_empty_map_beside_a_full_one_is_not_lost() {
        let a = read_one("a: {}\nk: 1\n").expect("YAML");
        let b = read_one("a: {x: 1}\nk: 1\n").expect("YAML");
        let base = shared(&[&a, &b]).expect("k");
        assert_eq!(own(&a, &base), Some(read_one("a: {}\n").expect("YAML")));
    }
}
