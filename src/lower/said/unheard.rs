//! What users say and nothing here hears: a warning at its line.

use crate::catalog::Catalogue;
use crate::catalog::component::Spread;
use crate::diag::{Diagnostic, Span, quoted_list};
use crate::lower::{Lowering, TargetManifests, WITHOUT_EFFECT};
use crate::manifest::value::Value;
use crate::parse::MISSING_KEY;
use crate::resolve::{Instance, Origin, Platform, Target};
use crate::settings::Text;
use crate::settings::component::Identity;

/// Reports what has no effect in a target.
pub fn report(platform: &Platform, target: &Target, found: &mut Vec<Diagnostic>) {
    let (catalogue, watched) = (&platform.catalogue, target.apis().contains_key("monitoring.coreos.com"));
    versions(platform, target, found);
    for instance in target.instances.values() {
        cloud_identity(catalogue, target, instance, found);
        unlabelled(catalogue, target, instance, found);
        spread(target, instance, found);
        said_twice(instance, found);
        if !watched && !instance.said.alerts.is_empty() {
            let message = "nothing in this target evaluates alert rules";
            found.push(
                Diagnostic::warning(&WITHOUT_EFFECT, message).at(instance.said.places.key_of("alerts"), "").help(
                    "add `prometheus = {}` under `[components]`, or, if the cluster already has the operator, \
                    `apis = [\"monitoring.coreos.com/v1\"]` under `[platform]`",
                ),
            );
        }
    }
}

/// Versions under `[versions]` that no chart of any target takes.
fn versions(platform: &Platform, target: &Target, found: &mut Vec<Diagnostic>) {
    for (name, version) in &target.settings.versions {
        let same =
            platform.targets.iter().filter(|t| t.settings.versions.get(name).is_some_and(|v| v.key == version.key));
        let mut there = same.flat_map(|t| t.instances.values()).filter(|i| i.definition.name == *name).peekable();
        let known = there.peek().is_some();
        if there.any(|instance| instance.chart.is_some() && instance.said.version.is_none()) {
            continue;
        }
        let finding = Diagnostic::warning(&WITHOUT_EFFECT, format!("`versions.{name}` has no effect"));
        found.push(finding.at(version.key, "").note(if known {
            format!("every `{name}` sets its own `version`, or has no chart")
        } else {
            format!("the platform has no component `{name}`")
        }));
    }
}

/// A chart's words that another word takes the place of.
fn said_twice(instance: &Instance, all: &mut Vec<Diagnostic>) {
    let Some(chart) = &instance.said.chart else { return };
    let pairs = [
        (&chart.repository, "repository", chart.oci.is_some(), "chart.oci"),
        (&chart.version, "version", instance.said.version.is_some(), "version"),
    ];
    for (text, key, other, instead) in pairs {
        if let Some(text) = text.as_ref().filter(|_| other) {
            let message = format!("`chart.{key}` of `{}` has no effect beside `{instead}`", instance.name);
            let finding = Diagnostic::warning(&WITHOUT_EFFECT, message).at(text.key, "");
            all.push(finding.help(format!("keep one of them: remove `chart.{key}` or `{instead}`")));
        }
    }
}

/// A role that no cloud gives, or none where one is asked for.
fn cloud_identity(catalogue: &Catalogue, target: &Target, instance: &Instance, all: &mut Vec<Diagnostic>) {
    let at = instance.said.places.key_of("identity");
    let ground = target.ground();
    if !matches!(instance.said.identity, Identity::Convention | Identity::Role(_)) {
        return;
    }
    let Some(cloud) = catalogue.identity(&ground.cloud) else {
        let message =
            format!("`identity` has no effect: `platform.cloud` is `{}`, which has no roles for pods", ground.cloud);
        all.push(Diagnostic::warning(&WITHOUT_EFFECT, message).at(at, "").help(catalogue.name_a_cloud()));
        return;
    };
    if instance.said.identity == Identity::Convention && ground.identity.is_none() {
        let help = format!(
            "add a template under `[platform]`, for example `identity = \"{}\"`, or set the role here",
            cloud.example
        );
        all.push(
            Diagnostic::error(&MISSING_KEY, "`identity = true` needs `platform.identity`, which is not set")
                .at(at, "")
                .help(help),
        );
    }
}

/// Pods that get no role because nothing gives them the label that their cloud asks for.
fn unlabelled(catalogue: &Catalogue, target: &Target, instance: &Instance, all: &mut Vec<Diagnostic>) {
    let Some(cloud) = catalogue.identity(&target.ground().cloud).filter(|cloud| !cloud.labels.is_empty()) else {
        return;
    };
    let bound = || instance.bindings.values().flat_map(|b| b.all()).filter_map(|b| b.credential.as_ref());
    let (at, asked) = match instance.said.identity {
        Identity::Convention | Identity::Role(_) => (instance.said.places.key_of("identity"), true),
        Identity::Unsaid => (instance.span, bound().any(|credential| credential.origin == Origin::Identity)),
        Identity::Off => return,
    };
    let pods: Vec<&str> = instance
        .definition
        .pods
        .iter()
        .filter(|(_, pod)| instance.definition.gets_role(pod) && !pod.takes("labels"))
        .map(|(name, _)| name.as_str())
        .collect();
    if asked && !pods.is_empty() {
        let labels: Vec<String> = cloud.labels.iter().map(|(key, text)| format!("{key}: \"{text}\"")).collect();
        let message = format!(
            "pods {} of `{}` get no role: on `{}`, a pod needs the label `{}`, but nothing sets labels on them",
            quoted_list(pods, "and"),
            instance.name,
            target.ground().cloud,
            labels.join("`, `")
        );
        let help = "add the label to the workload with `patches`, or with `values` if the chart supports it";
        all.push(Diagnostic::warning(&WITHOUT_EFFECT, message).at(at, "").help(help));
    }
}

/// A placement that spreads what cannot be spread.
fn spread(target: &Target, instance: &Instance, all: &mut Vec<Diagnostic>) {
    let placements = &target.settings.placements;
    let pods = &instance.definition.pods;
    let fixed = |pod: &crate::catalog::Pod| pod.spread == Spread::Never || pod.selector.is_empty();
    // A default is for those who can follow it.
    let default = target.settings.default_at("placement");
    let default = |at: Span| default.is_some_and(|d| d.source == at.source && d.start <= at.start && at.end <= d.end);
    let mut say = |what: &str, place: &Text| {
        if placements.get(place.as_str()).is_some_and(|p| p.spread.is_some()) && !default(place.at) {
            let message = format!("{what} of `{}` can be spread", instance.name);
            all.push(
                Diagnostic::warning(&WITHOUT_EFFECT, message)
                    .at(place.at, "this placement spreads pods")
                    .note("there is a single pod, or one on every node")
                    .help("use a placement without `spread` here"),
            );
        }
    };
    if pods.values().filter(|pod| pod.takes("placement")).all(fixed) {
        for place in &instance.said.placement {
            say("no pod", place);
        }
    }
    for (name, said) in &instance.said.pods {
        if pods.get(name).is_some_and(fixed) {
            for place in &said.placement {
                say(&format!("no pod `{name}`"), place);
            }
        }
    }
}

/// Reports Secrets of users' own that no object and no value names: the Secret is made, and nothing reads it.
pub fn secrets(lowering: &Lowering<'_>, out: &TargetManifests, found: &mut Vec<Diagnostic>) {
    for instance in lowering.target.instances.values() {
        // What stands in a folder of somebody's is not seen here; a chosen name, label or type is meant for somebody.
        let unseen = instance.definition.source.is_some();
        let own =
            instance.said.secrets.iter().filter(|(key, _)| !unseen && !instance.definition.secrets.contains_key(*key));
        for (key, secret) in own.filter(|(_, s)| s.name.is_none() && s.labels.is_empty() && s.r#type.is_none()) {
            let name = format!("{}-{key}", instance.name);
            let Some((property, _)) = secret.keys.first() else { continue };
            if reads(out, &name) || mentions(instance, &format!("secrets.{key}.")) {
                continue;
            }
            let message = format!("nothing reads secret `{key}` of `{}`", instance.name);
            let diagnostic = Diagnostic::warning(&WITHOUT_EFFECT, message).at(secret.places.key, "");
            let variable: String = property
                .chars()
                .map(|c| if c.is_ascii_alphanumeric() { c.to_ascii_uppercase() } else { '_' })
                .collect();
            let takes = |key: &str| instance.definition.keys.keys.contains_key(key);
            found.push(if takes("env") {
                diagnostic.help(format!(
                    "pass it as an environment variable: `env.{variable} = \
                \"${{secrets.{key}.{property}}}\"`"
                ))
            } else {
                let place = if takes("values") { "values" } else { "patches" };
                diagnostic.help(format!("refer to it under `{place}`: Secret `{name}`, key `{property}`"))
            });
        }
    }
}

/// Says whether a variable or a file of a component holds a text.
fn mentions(instance: &Instance, word: &str) -> bool {
    let said = &instance.said;
    let variables = said.env.values().chain(said.pods.values().flat_map(|pod| pod.env.values()));
    variables
        .filter_map(|node| node.as_str())
        .chain(said.files.values().map(Text::as_str))
        .any(|text| text.contains(word))
}

/// Says whether any object but the Secret's own maker, or any value of a chart, holds a name.
fn reads(out: &TargetManifests, name: &str) -> bool {
    let makes = |lowered: &&crate::lower::Lowered| {
        matches!(lowered.object.kind(), "ExternalSecret" | "SealedSecret" | "Secret" | "PushSecret")
            && lowered.object.name() == name
    };
    out.components.values().any(|unit| {
        let objects =
            unit.stages.values().flatten().filter(|lowered| !makes(lowered)).map(|lowered| lowered.object.value());
        let patches = unit.patches.values().flatten();
        objects.chain(unit.values.as_deref()).any(|value| holds(value, name))
            || patches.filter_map(|patch| patch.get("patch")?.as_str()).any(|text| text.contains(name))
    })
}

fn holds(value: &Value, name: &str) -> bool {
    match value {
        Value::Str(text) => text.contains(name),
        Value::List(list) => list.iter().any(|value| holds(value, name)),
        Value::Map(map) => map.values().any(|value| holds(value, name)),
        _ => false,
    }
}
