//! Platform → manifests: templates run, Secrets and routes made, Helm values put together.
//!
//! Comes in: a resolved [`Platform`]. Goes out: for each target and component, the objects of every stage and the Helm
//! values, each object with its origin. Nothing is judged here (that is `check`) and nothing is laid out (`emit`).

pub mod templates; // the template engine, and what templates see
pub mod charts; //    Helm values, and what charts make of them
pub mod secrets; //   ExternalSecrets, copies, and Secrets that people keep
pub mod objects; //   objects beside those of templates, and what every object gets
pub mod said; //      what is said and cannot be honoured
mod unit; //          what comes out
mod folded; //        what follows from mistakes that were said before

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crate::catalog::Template;
use crate::code;
use crate::diag::several::Several;
use crate::diag::{Code, Diagnostic, Sources, Span, Warned};
use crate::lock::Lock;
use crate::manifest::object::Object;
use crate::manifest::value::{Value, object};
use crate::resolve::scope::{Known, Late};
use crate::resolve::{Instance, Platform, Target};
use crate::world::World;
pub use unit::{
    Added, ComponentManifests, Delivery, Dns, Lowered, Manifests, Needed, Order, Origin, Place, TargetManifests,
    UnitId, Unordered, made,
};

use charts::{images, rendered, values};
use objects::scopes::Scopes;
use objects::{
    certificates, demand, edges, externals, features, folder, namespaces, patched, repeat, scopes, share, substituted,
    sync, unserved,
};
use said::{engines, heard, rollout, source, unheard};
use secrets::{repositories, stores};
use templates::files::Files;
use templates::{Engine, context, memo};

/// The codes that this stage emits.
pub static CODES: &[&Code] = &[
    &TEMPLATE_ERROR,
    &TEMPLATE_LIMIT,
    &BAD_OBJECT,
    &UNSUPPORTED,
    &OTHER_ENGINE,
    &WITHOUT_EFFECT,
    &UNMATCHED_PATCH,
    &KEPT_SECRET,
    &SHARED_ITEM,
    &LOST_SECRET,
];

code!(
    TEMPLATE_ERROR,
    "template-error",
    "a template of a component cannot be rendered",
    "a component with a broken template cannot produce its objects",
    "name: {{ component.nam }}",
    "name: {{ component.name }}"
);
code!(
    TEMPLATE_LIMIT,
    "template-limit",
    "a template exceeds its time or memory limit",
    "a template that never ends or exhausts memory must not take the machine down",
    "{% for i in range(10000) %}{% for j in range(10000) %}…",
    "loop over the settings of the platform, not over large ranges"
);
code!(
    BAD_OBJECT,
    "bad-object",
    "a manifest is not a Kubernetes object",
    "the engine cannot apply it",
    "kind: ConfigMap                    # no apiVersion, no name",
    "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: settings"
);
code!(
    UNSUPPORTED,
    "unsupported",
    "a setting needs something that the engine cannot do",
    "lakegen reports what it cannot do instead of ignoring it",
    "engine = \"flux\"\n\n[notify.team]\nkind = \"email\"",
    "[notify.team]\nkind = \"slack\""
);
code!(
    OTHER_ENGINE,
    "other-engine",
    "a setting is for the other engine",
    "it would silently have no effect",
    "engine = \"flux\"\n\n[argocd]\nproject = \"data\"",
    "engine = \"argocd\"\n\n[argocd]\nproject = \"data\""
);
code!(
    WITHOUT_EFFECT,
    "without-effect",
    "a setting has no effect here",
    "readers of the file would assume that it works",
    "[platform]\ncloud = \"none\"\n\n[components.trino]\nidentity = \"arn:aws:iam::111122223333:role/trino\"",
    "[platform]\ncloud = \"aws\""
);
code!(
    UNMATCHED_PATCH,
    "unmatched-patch",
    "a patch matches no object",
    "it would silently have no effect, or make the sync fail",
    "patches = [{ target = { kind = \"Deploymnet\" }, merge.spec.replicas = 3 }]",
    "patches = [{ target = { kind = \"Deployment\" }, merge.spec.replicas = 3 }]"
);

code!(
    KEPT_SECRET,
    "kept-secret",
    "a Secret kept in a file is missing, is not encrypted, or lacks keys its consumer needs",
    "its consumer would never start, or anybody with access to the repository could read it",
    "[secrets]\nprovider = \"sealed\"\nfiles = \"secrets\"        # nothing in it for `trino`",
    "secrets/trino.yaml: a SealedSecret with the name, namespace and keys from the message"
);

code!(
    SHARED_ITEM,
    "shared-item",
    "two different secrets share the same property of an item",
    "writing one would overwrite the other",
    "[secrets]\nkey = \"platform/${component.name}\"        # administrator and database role of Keycloak: `password`",
    "[secrets]\nkey = \"platform/${component.name}/${secret.name}\""
);

code!(
    LOST_SECRET,
    "lost-secret",
    "raw values override a Secret that lakegen has wired",
    "the application would start without the credential",
    "[components.nessie]\nvalues.jdbc = { secret = { name = \"mine\" } }",
    "[components.nessie]\ncredentials.database = { source = \"file\", secret = \"mine\" }"
);

/// Lowers the whole platform.
pub fn lower(world: &dyn World, platform: &Platform, lock: Option<&Lock>, sources: &mut Sources) -> Warned<Unordered> {
    let mut found = Vec::new();
    rollout::report(platform, &mut found);
    source::report(world, platform, sources, &mut found);
    let engine = Engine::new(platform);
    let mut files = Files::new(world);
    files.preload(platform, sources, &mut found);
    let memo = memo::Memos::default();
    let heard = heard::Heard::default();
    let charts = charts::Charts::new(world, lock);
    let mut targets: Vec<TargetManifests> = Vec::new();
    let mut several = Several::new(platform.subjects());
    for index in 0..platform.targets.len() {
        if index + 1 == platform.targets.len() {
            memo.last_round();
        }
        let known = Known { sources, catalogue: &platform.catalogue, read: Some(&heard.places) };
        let target = &platform.targets[index];
        let lowering = Lowering {
            platform,
            target,
            index,
            engine: &engine,
            known,
            files: &files,
            apis: target.apis(),
            memo: &memo,
            heard: &heard,
            images: images::Images::of(target),
            stumbled: RefCell::default(),
            scopes: Scopes::said(target),
        };
        let mut here = Vec::new();
        engines::report(platform, target, &mut here);
        unheard::report(platform, target, &mut here);
        let mut lowered = lowering.target(&charts, &targets, &mut here);
        several.add(index, target.settings.policy.level_warnings(here));
        if let Some(before) = targets.last() {
            share::share(&mut lowered, before);
        }
        targets.push(lowered);
    }
    heard.report(platform, sources, &mut several);
    found.extend(several.said());
    // What holds for several targets is said once.
    let mut seen = BTreeSet::new();
    found.retain(|d| seen.insert((d.level, d.code.slug, d.message.clone(), d.labels.first().map(|l| l.span))));
    Warned { output: Unordered(Manifests { targets }), diagnostics: found }
}

/// Returns the Helm values of one component after each step that made them; for `lakegen why` alone.
pub fn value_steps(
    world: &dyn World,
    platform: &Platform,
    (index, name): (usize, &str),
    sources: &mut Sources,
) -> Vec<(values::Step, Value)> {
    let mut found = Vec::new();
    let engine = Engine::new(platform);
    let mut files = Files::new(world);
    files.preload(platform, sources, &mut found);
    let memo = memo::Memos::default();
    let known = Known { sources, catalogue: &platform.catalogue, read: None };
    let target = &platform.targets[index];
    let (engine, files, memo, heard) = (&engine, &files, &memo, &heard::Heard::default());
    let lowering = Lowering {
        platform,
        target,
        index,
        engine,
        known,
        files,
        apis: target.apis(),
        memo,
        heard,
        images: images::Images::of(target),
        stumbled: RefCell::default(),
        scopes: Scopes::said(target),
    };
    let Some(instance) = target.instances.get(name) else { return vec![] };
    let shared = context::Shared::new(&lowering, &mut found);
    let own = secrets::Secrets::default().of(&lowering, instance, &mut ComponentManifests::default(), &mut found);
    let context = context::of(&lowering, instance, &shared, &own, &mut found);
    let mut steps = Vec::new();
    let mut seen = |step: &dyn Fn() -> values::Step, value: &Value| steps.push((step(), value.clone()));
    values::stepwise(&lowering, instance, &context, &own, &mut seen, &mut found);
    steps
}

/// One target on its way down.
pub struct Lowering<'a> {
    pub platform: &'a Platform,
    pub target: &'a Target,
    pub index: usize,
    pub engine: &'a Engine,
    pub known: Known<'a>,
    pub files: &'a Files<'a>,
    /// Served API version by group.
    pub apis: BTreeMap<String, String>,
    pub memo: &'a memo::Memos,
    /// Which words were read so far.
    heard: &'a heard::Heard,
    /// `[images]`, when there is anything.
    pub images: Option<images::Images<'a>>,
    /// Which unknown kinds live in namespaces, as far as that is said.
    pub scopes: Scopes,
    /// What lakegen's own templates could not do.
    stumbled: RefCell<Vec<Diagnostic>>,
}

impl<'a> Lowering<'a> {
    /// Returns the scope of late references for an instance.
    pub fn late(&self, instance: &'a Instance) -> Late<'a> {
        Late::new(&self.platform.targets, self.index, Some(instance), self.known)
    }

    fn target(
        &self,
        charts: &charts::Charts<'_>,
        before: &[TargetManifests],
        found: &mut Vec<Diagnostic>,
    ) -> TargetManifests {
        let mut out = TargetManifests::default();
        let shared = context::Shared::new(self, found);
        let mut secrets = secrets::Secrets::default();
        // 1. Each component by itself; `secrets` gathers who reads what.
        for instance in self.target.instances.values() {
            let (unit, asked) = self.unit(instance, &shared, &mut secrets, found);
            out.components.insert(instance.name.clone(), unit);
            out.asked.insert(instance.name.clone(), asked);
        }
        // 2. What else reads Secrets.
        out.add(images::pull_secrets(self, &mut secrets));
        out.add(secrets::flux::secrets(self, &mut secrets, found));
        out.add(repositories::add(self, &mut secrets, found));
        out.add(certificates::wildcards(self, &mut secrets, found));
        // 3. Every reader is known: stores, copies, and what people keep.
        out.add(stores::open(self, &shared, found));
        secrets.finish(self, before, &mut out, found);
        // 4. Units of lakegen's own. Namespaces come last, when it is known what is in them.
        out.dns = features::dns(self);
        out.add(features::network_policies(self, &out));
        out.add(edges::add(self, &shared, found));
        out.add(externals::add(self, found));
        out.add(namespaces::add(self, &out));
        // 5. Charts are looked into; what they define says where kinds live.
        out.charts = charts.target(self, &out);
        out.scopes = scopes::all(self, &out, before);
        // 6. All objects are there: each gets its namespace, labels and protection.
        for (name, unit) in &mut out.components {
            unit.delivery = Delivery::of(self.target, self.target.instances.get(name));
            self.finish(name, unit, &out.scopes);
        }
        // 7. What charts make becomes objects where the tree holds them.
        out.add(rendered::objects(self, &out, found));
        for unit in out.components.values_mut().filter(|unit| unit.delivery.is_rendered()) {
            unit.sort();
        }
        // 8. What is said and meets nothing that was made.
        patched::check(self, &out, found);
        engines::sync(self, &out, found);
        unheard::secrets(self, &out, found);
        // 9. Last, because nothing may read a text that is protected.
        substituted::protect(self, &mut out);
        found.append(&mut self.stumbled.borrow_mut());
        out
    }

    /// Makes objects of one of lakegen's own templates, `objects/<name>.yaml.j2`, which sees just the inputs.
    ///
    /// What such a template stumbles over is a fault of lakegen's, and is reported with the target.
    pub fn make(
        &self,
        name: &str,
        inputs: impl IntoIterator<Item = (&'static str, Value)>,
        span: Span,
    ) -> Vec<Lowered> {
        let Some(template) = self.platform.catalogue.objects.get(name) else {
            let message = format!("lakegen has no template `objects/{name}.yaml.j2`");
            self.stumbled.borrow_mut().push(Diagnostic::error(&TEMPLATE_ERROR, message).at(span, ""));
            return vec![];
        };
        let inputs = object(inputs);
        let text = |key: &str| inputs.get(key).and_then(Value::as_str).unwrap_or_default();
        let what = format!("{}/{}", text("namespace"), text("name"));
        // What another line of platform.toml asks for has another origin.
        let asked = Value::from(format!("{span:?}"));
        let known = [Arc::new(inputs), Arc::new(asked)];
        let made = self.memo.made.get(&what, &template.name, known.to_vec(), || {
            let mut lowered = Vec::new();
            let mut stumbled = self.stumbled.borrow_mut();
            let before = stumbled.len();
            match self.engine.documents(template, &templates::to_jinja(&known[0]), &|_| span) {
                Ok(documents) => {
                    for document in documents {
                        let origin = Origin { file: template.name.clone(), line: document.line, span, template: None };
                        take(document.value, &origin, &mut lowered, &mut stumbled);
                    }
                }
                Err(diagnostic) => stumbled.push(*diagnostic),
            }
            (stumbled.len() == before).then_some(lowered)
        });
        made.unwrap_or_default()
    }

    /// Makes everything of one component.
    fn unit(
        &self,
        instance: &'a Instance,
        shared: &context::Shared,
        secrets: &mut secrets::Secrets,
        found: &mut Vec<Diagnostic>,
    ) -> (ComponentManifests, BTreeSet<String>) {
        let mut unit = ComponentManifests::default();
        let before = found.len();
        let own = secrets.of(self, instance, &mut unit, found);
        let context = context::of(self, instance, shared, &own, found);
        let (whole, before) = (folded::is_whole(&found[before..]), found.len());
        unit.values = values::values(self, instance, &context, &own, found).map(Arc::new);
        // What a chart makes of a value cannot be seen here, so a value that depends on an API waits for who brings it.
        let asked = own.asked.lock().map(|a| a.clone()).unwrap_or_default();
        for (stage, templates) in &instance.definition.templates {
            for template in templates {
                let lowered = self.render(instance, template, &context, found);
                unit.stages.entry(*stage).or_default().extend(lowered);
            }
        }
        let broken = !whole || !folded::is_whole(&found[before..]);
        self.heard.listen(self, instance, &context.read(), broken);
        if !whole {
            folded::fold(found, before);
        }
        edges::routes(self, instance, shared, &own, &mut unit, found);
        features::add(self, instance, &own, &mut unit, found);
        demand::set_apart(self, instance, &mut unit);
        repeat::add(self, instance, &mut unit);
        self.manifests(instance, &mut unit, found);
        unit.read = folder::read(self, instance, found);
        self.patches(instance, &mut unit, found);
        let late = Late { secrets: Some(&own.names), ..self.late(instance) };
        for note in &instance.definition.notes {
            if let Some(note) = late.fill(note, instance.definition.span, found).plain() {
                unit.notes.push(note);
            }
        }
        unit.notes.extend(externals::claims(self.target, instance));
        if self.target.sync(Some(instance)).automated == Some(false) {
            unit.notes.push(sync::note(&instance.name));
        }
        (unit, asked)
    }

    fn render(
        &self,
        instance: &Instance,
        template: &Template,
        context: &context::Context,
        found: &mut Vec<Diagnostic>,
    ) -> Vec<Lowered> {
        let labels = self.target.ground().labels.iter().map(|(k, v)| (Arc::from(k.as_str()), Value::from(v.as_str())));
        let name = Value::from(&self.target.ground().name);
        let served = self.apis.iter().map(|(group, api)| (Arc::from(group.as_str()), Value::from(api.as_str())));
        let mut inputs = context.inputs(self.engine.reads(&template.name));
        inputs.extend([Value::Map(labels.collect()), name, Value::Map(served.collect())].map(Arc::new));
        let made = self.memo.objects.get(&instance.name, &template.name, inputs, || {
            let before = found.len();
            let mut lowered = self.run(instance, template, context, found);
            for one in &mut lowered {
                self.serve(one);
                self.dress(Some(instance), one);
            }
            (found.len() == before).then(|| (lowered, context.reads()))
        });
        let (lowered, reads) = made.unwrap_or_default();
        context.note(reads);
        lowered
    }

    fn run(
        &self,
        instance: &Instance,
        template: &Template,
        context: &context::Context,
        found: &mut Vec<Diagnostic>,
    ) -> Vec<Lowered> {
        let place = |path: &[String]| templates::place_in(instance, path);
        let mut lowered = Vec::new();
        for (value, origin) in self.print(template, context, &place, found) {
            take(value, &origin, &mut lowered, found);
        }
        lowered
    }

    /// Returns the documents that a template prints, each with where it came from.
    fn print(
        &self,
        template: &Template,
        context: &context::Context,
        place: &dyn Fn(&[String]) -> Span,
        found: &mut Vec<Diagnostic>,
    ) -> Vec<(Value, Origin)> {
        let documents = match self.engine.documents(template, context.jinja(), place) {
            Ok(documents) => documents,
            Err(diagnostic) => {
                found.push(*diagnostic);
                return vec![];
            }
        };
        let origin = |line: usize| Origin {
            file: template.name.clone(),
            line,
            span: place(&[]),
            template: Some(templates::line_span(template, line)),
        };
        let documents = documents.into_iter().map(|mut document| {
            unserved::name_api(&mut document.value, &template.text, &self.apis);
            (document.value, origin(document.line))
        });
        documents.collect()
    }
}

/// Takes a document as an object; a `List` as its items.
fn take(value: Value, origin: &Origin, lowered: &mut Vec<Lowered>, found: &mut Vec<Diagnostic>) {
    if value == Value::Null {
        return;
    }
    if value.get("kind").and_then(Value::as_str) == Some("List")
        && let Some(items) = value.get("items").and_then(Value::as_list)
    {
        for item in items {
            take(item.clone(), origin, lowered, found);
        }
        return;
    }
    match Object::new(value) {
        Ok(object) => lowered.push(Lowered { object, origin: origin.clone(), step: 0 }),
        Err(missing) => {
            let at = origin.template.unwrap_or(origin.span);
            found.push(
                Diagnostic::error(
                    &BAD_OBJECT,
                    format!("`{}` has something that is not an object: it has no `{missing}`", origin.file),
                )
                .at(at, "")
                .at(origin.span, "used here"),
            );
        }
    }
}
