//! `duplicate-object`: one object that two components, or two environments of one cluster, would both make.
//!
//! Twice within one stage of one component is `path-collision`: there the second has no file to stand in.

use std::collections::{BTreeMap, BTreeSet};

use super::{Context, Findings, Made, place};
use crate::catalog::Stage;
use crate::code;
use crate::diag::{Diagnostic, Span};
use crate::lower::objects::sync;
use crate::manifest::object::ObjectId;
use crate::resolve::Engine;
use crate::settings::engines::Form;

code!(
    DUPLICATE_OBJECT,
    "duplicate-object",
    "two components write the same object of a cluster",
    "the engine would keep overwriting one with the other",
    "two environments on one cluster that share the namespace `trino`",
    "namespace = \"${environment.name}-trino\""
);

/// Who makes an object.
#[derive(Clone, Copy)]
struct Maker<'a> {
    made: Made<'a>,
    stage: Option<Stage>,
    span: Span,
}

/// What two makers both make: the first such thing, and how many there are.
struct Clash<'a> {
    what: String,
    more: usize,
    /// Whether a namespace could tell the two apart.
    namespaced: bool,
    first: Maker<'a>,
    second: Maker<'a>,
}

/// Checks that each object and each Helm release of a cluster has one maker.
pub fn check(context: &Context<'_>, findings: &mut Findings) {
    let mut objects: BTreeMap<(&str, ObjectId), Maker<'_>> = BTreeMap::new();
    let mut releases: BTreeMap<(&str, &str, &str), Maker<'_>> = BTreeMap::new();
    // Two environments that clash do so in everything: one finding for each pair of makers.
    let mut clashes: BTreeMap<(usize, &str, usize, &str), Clash<'_>> = BTreeMap::new();
    for made in context.made() {
        if let Some(instance) = made.instance.filter(|i| i.chart.is_some()) {
            let maker = Maker { made, stage: None, span: instance.span };
            match releases.get(&(made.target.cluster.as_str(), instance.namespace.as_str(), instance.release.as_str()))
            {
                Some(first) => clash(*first, maker, &mut clashes, true, || {
                    format!("the Helm release `{}` in namespace `{}`", instance.release, instance.namespace)
                }),
                None => {
                    releases.insert((&made.target.cluster, &instance.namespace, &instance.release), maker);
                }
            }
        }
        for (stage, lowered) in made.unit.stages.iter().flat_map(|(stage, all)| all.iter().map(move |l| (*stage, l))) {
            let maker = Maker {
                made,
                stage: Some(stage),
                // What users wrote: their own file, or the component that the catalogue made it for.
                span: match made.instance {
                    Some(_) if !lowered.origin.file.starts_with("templates/") => place(lowered),
                    _ => lowered.origin.span,
                },
            };
            let id = lowered.object.id();
            match objects.get(&(made.target.cluster.as_str(), id.clone())) {
                Some(first)
                    if first.made.index == made.index && first.made.name == made.name && first.stage == Some(stage) => {
                }
                Some(first) => clash(*first, maker, &mut clashes, !id.namespace.is_empty(), || id.to_string()),
                None => {
                    objects.insert((&made.target.cluster, id), maker);
                }
            }
        }
    }
    applications(context, findings);
    // Namespaces that two environments share are no mistake beside that of the components in them.
    let pair = |clash: &Clash<'_>| (clash.first.made.index, clash.second.made.index);
    let own: BTreeSet<(usize, usize)> =
        clashes.values().filter(|clash| clash.second.made.instance.is_some()).map(pair).collect();
    clashes.retain(|_, clash| clash.second.made.instance.is_some() || !own.contains(&pair(clash)));
    for clash in clashes.into_values() {
        findings.component(clash.second.made.index, clash.second.made.name, report(&clash));
    }
}

/// Checks that each Application of an Argo CD has a name of its own.
fn applications(context: &Context<'_>, findings: &mut Findings) {
    if context.platform.engine != Engine::ArgoCd {
        return;
    }
    let mut named: BTreeMap<(&str, String), (usize, String)> = BTreeMap::new();
    for (index, (target, lowered)) in context.platform.targets.iter().zip(&context.manifests.targets).enumerate() {
        let settings = &target.settings.argocd;
        if settings.form == Form::ApplicationSet {
            continue;
        }
        // One Argo CD on each cluster, or one for all of them.
        let argocd = if settings.hub { "" } else { target.cluster.as_str() };
        for unit in lowered.order.units.keys() {
            let name = sync::application(target, &unit.name());
            let Some((other, first)) = named.get(&(argocd, name.clone())) else {
                named.insert((argocd, name), (index, unit.name()));
                continue;
            };
            let whose = |at: usize, unit: &str| format!("`{unit}` of `{}`", context.platform.targets[at].name);
            let message = format!(
                "{} and {} would both be the Application `{name}`",
                whose(*other, first),
                whose(index, &unit.name())
            );
            let all: &[&str] = if *other == index { &["component"] } else { &["target", "component"] };
            let names: Vec<String> = all.iter().map(|part| format!("${{{part}.name}}")).collect();
            let diagnostic = Diagnostic::error(&DUPLICATE_OBJECT, message)
                .at(settings.places.value_of("names"), "")
                .help(format!("set `names = \"{}\"` under `[argocd]`", names.join("-")));
            findings.component(index, &unit.component, diagnostic);
            break;
        }
    }
}

fn clash<'a>(
    first: Maker<'a>,
    second: Maker<'a>,
    clashes: &mut BTreeMap<(usize, &'a str, usize, &'a str), Clash<'a>>,
    namespaced: bool,
    what: impl Fn() -> String,
) {
    let key = (first.made.index, first.made.name, second.made.index, second.made.name);
    let first = || Clash { what: what(), more: 0, namespaced, first, second };
    clashes.entry(key).and_modify(|c| c.more += 1).or_insert_with(first);
}

fn report(clash: &Clash<'_>) -> Diagnostic {
    let (first, second) = (&clash.first.made, &clash.second.made);
    let more = if clash.more == 0 { String::new() } else { format!(" and {} more", clash.more) };
    let (what, apart) = (&clash.what, first.index != second.index);
    let who = match (apart, first.name == second.name) {
        (true, true) => format!("`{}` of `{}` and of `{}`", first.name, first.target.name, second.target.name),
        (true, false) => {
            format!("`{}` of `{}` and `{}` of `{}`", first.name, first.target.name, second.name, second.target.name)
        }
        (false, true) => format!("two stages of `{}`", first.name),
        (false, false) => format!("`{}` and `{}`", first.name, second.name),
    };
    let diagnostic =
        Diagnostic::error(&super::duplicate_object::DUPLICATE_OBJECT, format!("{who} both create {what}{more}"))
            .at(clash.second.span, "created here");
    let diagnostic =
        if clash.first.span == clash.second.span { diagnostic } else { diagnostic.at(clash.first.span, "and here") };
    match apart {
        true => diagnostic.note(format!("both run on cluster `{}`", first.target.cluster)).help(if clash.namespaced {
            "give each environment its own namespaces: `[defaults]` `namespace = \
            \"${environment.name}-${component.name}\"`"
                .to_string()
        } else {
            format!(
                "it is cluster-scoped, so it can only exist once: run `{}` and `{}` on separate clusters, or remove \
                `{}` from one of them",
                first.target.name, second.target.name, second.name
            )
        }),
        false => diagnostic,
    }
}
