//! jq paths as JSON pointers: Flux ignores fields by pointer only (fluxcd.io/flux/components/helm/helmreleases, "Ignore
//! rules"; RFC 6901), Argo CD by both.

/// Returns the pointer of a path that names one field: `.spec.a["b.c"][0]`; none when it can mean several.
pub fn of_jq(path: &str) -> Option<String> {
    let mut pointer = String::new();
    let mut rest = path.trim();
    if !rest.starts_with('.') {
        return None;
    }
    while !rest.is_empty() {
        let (word, after) = if let Some(inside) = rest.strip_prefix('[').or_else(|| rest.strip_prefix(".[")) {
            let (word, after) = inside.split_once(']')?;
            match word.strip_prefix('"').map(|quoted| quoted.strip_suffix('"')) {
                Some(quoted) => (quoted.filter(|q| !q.contains(['"', '\\', '$']))?, after),
                None if !word.is_empty() && word.chars().all(|c| c.is_ascii_digit()) => (word, after),
                None => return None,
            }
        } else {
            let inside = rest.strip_prefix('.')?;
            let end = inside.find(|c: char| !c.is_ascii_alphanumeric() && c != '_').unwrap_or(inside.len());
            inside.split_at_checked(end).filter(|(word, _)| !word.is_empty())?
        };
        pointer.push('/');
        pointer.push_str(&word.replace('~', "~0").replace('/', "~1"));
        rest = after.strip_prefix('?').unwrap_or(after);
    }
    Some(pointer)
}

#[cfg(test)]
mod tests {
    use super::of_jq;

    #[test]
    fn only_paths_to_one_field_are_pointers() {
        for (path, pointer) in [
            (".spec.replicas", Some("/spec/replicas")),
            (".spec.template?.metadata?", Some("/spec/template/metadata")),
            (".metadata.annotations[\"a.example.com/b~c\"]", Some("/metadata/annotations/a.example.com~1b~0c")),
            (".[\"spec\"].rules[0].host", Some("/spec/rules/0/host")),
            (".webhooks[]?.clientConfig.caBundle", None),
            (".spec.containers[] | select(.name == \"x\")", None),
            (".spec.a, .spec.b", None),
            ("..", None),
            (".", None),
            ("", None),
            ("spec", None),
            (".spec..a", None),
            (".spec[\"a\\\"b\"]", None),
            (".spec[", None),
            (".spec[1:2]", None),
            (".spec | length", None),
        ] {
            assert_eq!(of_jq(path).as_deref(), pointer, "{path}");
        }
    }
}
