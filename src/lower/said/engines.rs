//! What is said for the engine that is not used: warned of, and refused where the platform would not be what it says.

use crate::catalog::Portion;
use crate::diag::{Diagnostic, Span};
use crate::lower::{Lowering, OTHER_ENGINE, TargetManifests, UNSUPPORTED};
use crate::parse::MISSING_KEY;
use crate::resolve::charts::version_key;
use crate::resolve::{Engine, Instance, Platform, Target};
use crate::settings::Text;
use crate::settings::engines::NotifyKind;

/// Reports words of the other engine.
pub fn report(platform: &Platform, target: &Target, found: &mut Vec<Diagnostic>) {
    match platform.engine {
        Engine::ArgoCd => on_argocd(target, found),
        Engine::Flux => on_flux(target, found),
    }
}

fn on_argocd(target: &Target, all: &mut Vec<Diagnostic>) {
    let places = &target.settings.flux.places;
    if places.key == Span::default() {
        return;
    }
    let mut refused = false;
    for (key, why) in [
        ("substitute", "Argo CD does not substitute variables in the cluster: `${…}` would be applied literally"),
        ("decrypt", "Argo CD does not decrypt files: they would be applied encrypted"),
    ] {
        if places.has(key) {
            refused = true;
            let message = format!("`flux.{key}` only works with Flux, but the engine is Argo CD");
            all.push(Diagnostic::error(&OTHER_ENGINE, message).at(places.key_of(key), "").note(why));
        }
    }
    if !refused {
        let message = "`[flux]` is for Flux and ignored, because the engine is Argo CD";
        all.push(Diagnostic::warning(&OTHER_ENGINE, message).at(places.key, ""));
    }
}

/// Reports fields that the pinned version of Flux does not know: its definitions would refuse them.
///
/// Facts: fluxcd.io/flux/components/helm/helmreleases, "Retry on failure strategy" (since Flux 2.7), and
/// fluxcd.io/blog/2026/08/ignore-rules-drift-detection (since Flux 2.9).
fn versions(target: &Target, all: &mut Vec<Diagnostic>) {
    let Some(version) = &target.settings.flux.version else { return };
    let ignores = |i: &&Instance| !i.definition.operator_filled.is_empty() || i.said.sync.ignore.is_some();
    let charts = target.instances.values().find(|i| i.chart.is_some());
    let ignored = target.instances.values().find(ignores);
    for (field, least, used) in
        [("spec.install.strategy` of HelmReleases", "2.7", charts), ("spec.ignore` of Kustomizations", "2.9", ignored)]
    {
        let Some(instance) = used.filter(|_| version_key(version) < version_key(least)) else { continue };
        let message = format!("Flux {version} does not support `{field}, which `{}` needs", instance.name);
        all.push(
            Diagnostic::error(&UNSUPPORTED, message)
                .at(version.at, "")
                .note(format!("it was added in Flux {least}; older CRDs reject it"))
                .help(format!("set `version = \"{least}.0\"` or a later one")),
        );
    }
}

fn for_argocd(at: Span, what: &str) -> Diagnostic {
    let message = format!("{what} for Argo CD and ignored, because the engine is Flux");
    Diagnostic::warning(&OTHER_ENGINE, message).at(at, "")
}

/// Reports what components say under `sync` and Flux has nothing for, given how it gets each of them.
pub fn sync(lowering: &Lowering<'_>, out: &TargetManifests, found: &mut Vec<Diagnostic>) {
    if lowering.platform.engine != Engine::Flux {
        return;
    }
    for instance in lowering.target.instances.values() {
        let helm = out.components.get(&instance.name).is_some_and(|unit| unit.delivery.chart(Portion::Main).is_some());
        for (key, at) in argocd_only(instance, helm) {
            let verb = if key == "options" { "are" } else { "is" };
            found.push(for_argocd(at, &format!("`sync.{key}` {verb}")));
        }
    }
}

fn on_flux(target: &Target, all: &mut Vec<Diagnostic>) {
    let settings = &target.settings;
    if settings.argocd.places.any() {
        all.push(for_argocd(settings.argocd.places.key, "`[argocd]` is"));
    }
    if let Some(project) = settings.projects.values().min_by_key(|project| project.places.key) {
        all.push(for_argocd(project.places.key, "`[projects]` are"));
    }
    versions(target, all);
    for instance in target.instances.values() {
        if instance.is_engine(Engine::ArgoCd) {
            let message = format!("`{}` installs Argo CD, but the engine is Flux", instance.name);
            all.push(
                Diagnostic::warning(&OTHER_ENGINE, message)
                    .at(instance.span, "")
                    .note("it would not sync anything of this platform")
                    .help("remove the component, or set `engine = \"argocd\"`"),
            );
        }
        for path in unsaid(instance) {
            let message = "this path can match several fields, but Flux only ignores single fields by JSON pointer: it has no \
                effect";
            let help = "list each field under `pointers`, for example `/webhooks/0/clientConfig/caBundle`";
            all.push(Diagnostic::warning(&OTHER_ENGINE, message).at(path.at, "").help(help));
        }
    }
    for (name, notify) in &settings.notify {
        if notify.kind == NotifyKind::Email {
            let message = format!("`notify.{name}` requests email, which Flux cannot send");
            all.push(
                Diagnostic::error(&UNSUPPORTED, message)
                    .at(notify.places.value_of("kind"), "")
                    .help("use `slack`, `teams`, `github` or a `webhook` that sends the email"),
            );
        }
    }
    if let Some(webhook) = &settings.flux.webhook
        && webhook.secret.is_none()
        && webhook.existing.is_none()
    {
        all.push(
            Diagnostic::error(&MISSING_KEY, "a webhook needs a token shared with its sender")
                .at(webhook.places.key, "")
                .help("add `secret = \"<item>#<property>\"`, or `existing = \"<Secret>\"`"),
        );
    }
}

/// Returns the settings of `sync` that nothing in Flux corresponds to. It always applies on the server and undoes what others
/// change, and tries again without end (fluxcd.io/flux, Kustomization v1); a HelmRelease keeps a history and may ignore drift.
fn argocd_only(instance: &Instance, helm: bool) -> Vec<(&'static str, Span)> {
    let sync = &instance.said.sync;
    let own = [
        ("options", sync.options.is_some()),
        ("server_side", sync.server_side == Some(false)),
        ("self_heal", !helm && sync.self_heal == Some(false)),
        ("revision_history", !helm && sync.revision_history.is_some()),
    ];
    let own = own.into_iter().filter(|(_, said)| *said).map(|(key, _)| (key, sync.places.key_of(key)));
    let retry = sync.retry.iter().flat_map(|retry| {
        let keys = [("retry.limit", "limit"), ("retry.factor", "factor"), ("retry.max_delay", "max_delay")];
        keys.into_iter().filter(|(_, key)| retry.places.has(key)).map(|(name, key)| (name, retry.places.key_of(key)))
    });
    own.chain(retry).collect()
}

/// Returns the jq paths of a component's `sync.ignore` that are no pointers.
fn unsaid(instance: &Instance) -> impl Iterator<Item = &Text> {
    let rules = instance.said.sync.ignore.iter().flatten();
    rules.flat_map(|rule| &rule.jq).filter(|path| crate::lower::objects::pointer::of_jq(path).is_none())
}
