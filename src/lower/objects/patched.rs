//! The user's `patches` against the objects that they are for: one that matches nothing, or makes something that the API
//! server refuses, is an error at its line.
//!
//! How targets are chosen is kustomize's: group, version, kind, name and namespace are regular expressions for the whole text,
//! `labels` is a label selector (kustomize v5, `api/types/selector.go`).

use regex::Regex;

use crate::catalog::{Portion, Stage};
use crate::diag::{Diagnostic, Span, quoted_list};
use crate::lower::{ComponentManifests, Lowered, Lowering, TargetManifests, UNMATCHED_PATCH};
use crate::manifest::object::Object;
use crate::manifest::value::Value;
use crate::resolve::{Engine, Instance};
use crate::settings::component::Patch;

/// Checks every patch of a target's components.
pub fn check(lowering: &Lowering<'_>, out: &TargetManifests, found: &mut Vec<Diagnostic>) {
    for instance in lowering.target.instances.values() {
        for patch in &instance.said.patches {
            one(lowering, instance, patch, out, found);
        }
    }
}

fn one(
    lowering: &Lowering<'_>,
    instance: &Instance,
    patch: &Patch,
    out: &TargetManifests,
    found: &mut Vec<Diagnostic>,
) {
    let late = lowering.late_of(instance);
    let fill = |node: &Option<crate::parse::Node>| node.as_ref().map(|n| late.fill_node(n, &mut Vec::new()));
    let (target, merge, json) = (fill(&patch.target), fill(&patch.merge), fill(&patch.json));
    let at = if target.is_some() { patch.places.key_of("target") } else { patch.places.at };
    // Without a target a patch names its object itself.
    let target = target.or_else(|| {
        let merge = merge.as_ref()?;
        let name = merge.at(&["metadata", "name"])?.as_str()?;
        Some(crate::manifest::value::object([
            ("kind", merge.get("kind")?.clone()),
            ("name", Value::from(regex::escape(name))),
        ]))
    });
    let Some(target) = target else {
        let message = "the patch has no target";
        found.push(
            Diagnostic::error(&UNMATCHED_PATCH, message)
                .at(at, "")
                .help("add a target, for example `target = { kind = \"Deployment\" }`"),
        );
        return;
    };
    let selector = match Selector::of(&target) {
        Ok(selector) => selector,
        Err(what) => {
            found.push(Diagnostic::error(&UNMATCHED_PATCH, what).at(at, ""));
            return;
        }
    };
    let stage = Stage::from_name(&patch.stage).unwrap_or(Stage::Release);
    let of = |stage: Stage| {
        out.components.get(&instance.name).and_then(|u| u.stages.get(&stage)).map_or(&[][..], Vec::as_slice)
    };
    let matched: Vec<&Object> = of(stage).iter().map(|l| &l.object).filter(|o| selector.matches(o)).collect();
    if matched.is_empty() {
        let elsewhere = Stage::ALL.into_iter().find(|s| of(*s).iter().any(|l| selector.matches(&l.object)));
        found.push(nothing(
            lowering,
            (instance, out.components.get(&instance.name)),
            &target,
            (stage, of(stage)),
            elsewhere,
            at,
        ));
        return;
    }
    for object in &matched {
        if let Some(merge) = &merge {
            containers(merge, object, patch.places.key_of("merge"), found);
        }
        for operation in json.as_ref().and_then(Value::as_list).unwrap_or(&[]) {
            pointer(operation, object, patch.places.key_of("json"), found);
        }
    }
}

/// Reports a patch without an object, with what there is.
fn nothing(
    lowering: &Lowering<'_>,
    (instance, unit): (&Instance, Option<&ComponentManifests>),
    target: &Value,
    (stage, objects): (Stage, &[Lowered]),
    elsewhere: Option<Stage>,
    at: Span,
) -> Diagnostic {
    let (name, stage_name) = (&instance.name, stage.name());
    let kind = target.get("kind").and_then(Value::as_str).unwrap_or_default();
    let message = format!("the patch matches no object of `{name}` in stage `{stage_name}`");
    let mut diagnostic = Diagnostic::error(&UNMATCHED_PATCH, message).at(at, "");
    if matches!(kind, "HelmRelease" | "Kustomization" | "Application") {
        let engine = if lowering.platform.engine == Engine::Flux { "Flux" } else { "Argo CD" };
        return diagnostic
            .note(format!("`{kind}` is an object of {engine} itself; patches only apply to the objects it syncs"))
            .help("change `sync` or `values` instead");
    }
    let all: Vec<String> = objects.iter().map(|l| format!("{}/{}", l.object.kind(), l.object.name())).collect();
    let shown = quoted_list(all.iter().take(8).map(String::as_str), "and");
    let more = all.len().saturating_sub(8);
    diagnostic = match (all.is_empty(), more) {
        (true, _) => diagnostic.note(format!("stage `{stage_name}` of `{name}` has no objects of its own")),
        (_, 0) => diagnostic.note(format!("it has {shown}")),
        _ => diagnostic.note(format!("it has {shown} and {more} more")),
    };
    if let Some(stage) = elsewhere {
        return diagnostic.help(format!("set the stage: `stage = \"{}\"`", stage.name()));
    }
    let kinds: Vec<&str> = objects.iter().map(|l| l.object.kind()).collect();
    let near = crate::diag::near(kind, kinds.iter().copied());
    if unit.is_some_and(|unit| unit.delivery.chart(Portion::Main).is_some()) && instance.definition.source.is_none() {
        return diagnostic.help(
            "change the chart's objects with `values`, or set `output = \"manifests\"` under \
        `[platform]` to patch them",
        );
    }
    if instance.definition.source.is_some() {
        return diagnostic.help("patch it in the kustomization.yaml of the folder itself");
    }
    if near.is_empty() || kinds.contains(&kind) {
        diagnostic
    } else {
        diagnostic.help(format!("did you mean {}?", quoted_list(near, "or")))
    }
}

/// What a target selects.
struct Selector {
    patterns: Vec<(&'static str, Regex)>,
    labels: Vec<(String, String)>,
}

impl Selector {
    fn of(target: &Value) -> Result<Self, String> {
        let mut patterns = Vec::new();
        for key in ["group", "version", "kind", "name", "namespace"] {
            if let Some(text) = target.get(key).and_then(Value::as_str).filter(|text| !text.is_empty()) {
                let pattern = Regex::new(&format!("^(?:{text})$"));
                patterns.push((key, pattern.map_err(|_| format!("`{text}` is not a regular expression"))?));
            }
        }
        let labels = target.get("labels").and_then(Value::as_str).unwrap_or_default();
        // Only equality is judged here; sets of values are left to kustomize.
        let labels = labels.split(',').filter_map(|one| one.split_once('='));
        let labels = labels.filter(|(key, _)| !key.ends_with('!') && !key.contains('('));
        let labels = labels.map(|(key, value)| (key.trim().into(), value.trim_start_matches('=').trim().into()));
        Ok(Self { patterns, labels: labels.collect() })
    }

    fn matches(&self, object: &Object) -> bool {
        let version = object.api_version().rsplit('/').next().unwrap_or_default();
        let label = |key: &str| object.value().at(&["metadata", "labels", key]).and_then(Value::as_str);
        let fits = |(key, pattern): &(&str, Regex)| {
            pattern.is_match(match *key {
                "group" => object.group(),
                "version" => version,
                "kind" => object.kind(),
                "name" => object.name(),
                _ => object.namespace(),
            })
        };
        self.patterns.iter().all(fits) && self.labels.iter().all(|(key, value)| label(key) == Some(value))
    }
}

/// Reports containers that a merge would add without an image: their names are what it is merged by.
fn containers(merge: &Value, object: &Object, at: Span, found: &mut Vec<Diagnostic>) {
    // A list of another kind is replaced as a whole, whatever stands in it.
    if !crate::manifest::kinds::is_builtin(object.api_version()) {
        return;
    }
    let mut walk = vec![(merge, Some(object.value()))];
    while let Some((over, below)) = walk.pop() {
        for (key, value) in over.as_map().into_iter().flatten() {
            let beside = below.and_then(|below| below.get(key));
            if !matches!(&**key, "containers" | "initContainers") {
                walk.push((value, beside));
                continue;
            }
            let name = |container: &Value| container.get("name").and_then(Value::as_str).map(String::from);
            let known: Vec<String> = beside.and_then(Value::as_list).unwrap_or(&[]).iter().filter_map(name).collect();
            for container in value.as_list().unwrap_or(&[]) {
                let own = name(container).unwrap_or_default();
                if known.contains(&own) || container.get("image").is_some() || container.get("$patch").is_some() {
                    continue;
                }
                let message =
                    format!("the patch adds container `{own}` to {}/{} without an image", object.kind(), object.name());
                let diagnostic = Diagnostic::error(&UNMATCHED_PATCH, message).at(at, "");
                found.push(match known.first() {
                    Some(first) => diagnostic
                        .note(format!("the object has {}", quoted_list(known.iter().map(String::as_str), "and")))
                        .help(format!("to patch an existing container, use its name: `name = \"{first}\"`")),
                    None => diagnostic.help("add an `image`"),
                });
            }
        }
    }
}

/// Reports an operation on a place that the object does not have (RFC 6902, section 4).
fn pointer(operation: &Value, object: &Object, at: Span, found: &mut Vec<Diagnostic>) {
    let text = |key: &str| operation.get(key).and_then(Value::as_str).unwrap_or_default();
    let (op, path) = (text("op"), text("path"));
    let mut keys: Vec<String> = path.split('/').skip(1).map(|key| key.replace("~1", "/").replace("~0", "~")).collect();
    if op == "add" {
        keys.pop();
    }
    let mut value = Some(object.value());
    for key in &keys {
        value = match value {
            Some(Value::List(list)) => key.parse::<usize>().ok().and_then(|index| list.get(index)),
            Some(other) => other.get(key),
            None => None,
        };
    }
    if value.is_none() && matches!(op, "add" | "replace" | "remove" | "test") {
        let place = if op == "add" { format!("/{}", keys.join("/")) } else { path.to_string() };
        let message =
            format!("the patch's `{op}` needs `{place}`, which {}/{} does not have", object.kind(), object.name());
        found.push(Diagnostic::error(&UNMATCHED_PATCH, message).at(at, ""));
    }
}
