//! What made a part of the tree: which line of platform.toml, which template, which default.
//!
//! Comes in: a compiled platform and a person's words. Goes out: findings of level note, one per answer, whose places are
//! the answer. Nothing of this is kept while compiling: origins of Helm values are found by putting one component's values
//! together again step by step, and keys of platform.toml by trying what happens without them.

pub mod ask; //    words → part of the tree
mod effect; //     which keys decide something
mod template; //   which line of a template

use std::collections::BTreeSet;
use std::sync::Arc;

use ask::Asked;
use effect::{Effect, Trial};

use crate::catalog::{Stage, Template};
use crate::code;
use crate::diag::stop::Stop;
use crate::diag::{Code, Diagnostic, Level, Sources, Span, near, quoted_list};
use crate::helm::manifests::Item;
use crate::lower::charts::Sight;
use crate::lower::charts::values::Step;
use crate::lower::{self, Lowered};
use crate::manifest::object::ObjectId;
use crate::manifest::value::Value;
use crate::manifest::yaml;
use crate::parse::node::Lookup;
use crate::parse::{self, Node, Syntax, Table};
use crate::resolve::{Instance, Target};
use crate::world::World;

/// The codes of this folder.
pub static CODES: &[&Code] = &[&ORIGIN];

code!(
    ORIGIN,
    "origin",
    "where a part of the tree comes from",
    "the answer of `lakegen why`: a marked key decides it, which lakegen finds by compiling without the key; a \
    template or default produces it",
    "lakegen why trino values server.workers",
    "change the marked key, or add the one that is named"
);

/// The most places of platform.toml in one answer.
const MOST: usize = 8;

/// What is said of a key without which nothing would be there.
const MAKES: &str = "without this, it would not exist";

/// A part of the compiled platform.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Subject {
    Component {
        target: usize,
        component: String,
    },
    /// A Helm value; an empty path means all.
    Value {
        target: usize,
        component: String,
        path: Vec<String>,
    },
    /// An object, or a part of it.
    Object {
        target: usize,
        component: String,
        stage: Stage,
        id: ObjectId,
        path: Vec<String>,
    },
    /// A line of a file that lakegen makes by itself, with its path when it is YAML.
    Line {
        file: String,
        path: Option<Vec<String>>,
        line: usize,
    },
}

/// Adds the nearest of the names that there are, or all of them.
fn nearest(stop: Stop, word: &str, all: &BTreeSet<&str>) -> Stop {
    match near(word, all.iter().copied()) {
        near if near.is_empty() && all.is_empty() => stop,
        near if near.is_empty() => {
            stop.help(format!("available: {}", quoted_list(all.iter().copied().take(20), "and")))
        }
        near => stop.help(format!("did you mean {}?", quoted_list(near, "or"))),
    }
}

/// Answers the words of a person about a platform without errors.
///
/// # Errors
/// When the words mean nothing here.
pub fn why(world: &dyn World, main: &str, asked: &Asked<'_>, words: &[String]) -> Result<Vec<Diagnostic>, Stop> {
    let mut sources = Sources::default();
    let syntax = parse::parse(world, main, &mut sources).output;
    let question = Question { world, asked, syntax: &syntax, parsed: &sources };
    Ok(asked.subjects(words)?.iter().map(|subject| question.answer(subject)).collect())
}

struct Question<'a> {
    world: &'a dyn World,
    asked: &'a Asked<'a>,
    syntax: &'a Syntax,
    /// The sources that parsing read: the first of all others.
    parsed: &'a Sources,
}

impl Question<'_> {
    fn answer(&self, subject: &Subject) -> Diagnostic {
        let answer = match subject {
            Subject::Component { target, component } => self.component(subject, *target, component),
            Subject::Value { target, component, path } => self.value(subject, *target, component, path),
            Subject::Object { target, component, stage, id, path } => {
                self.object(subject, *target, component, (*stage, id), path)
            }
            Subject::Line { file, path, line } => self.line(subject, file, path.as_deref(), *line),
        };
        self.elsewhere(answer, subject)
    }

    /// Says in which of the other targets the same is made, and where it is something else.
    fn elsewhere(&self, answer: Diagnostic, subject: &Subject) -> Diagnostic {
        let (Subject::Value { target: own, .. } | Subject::Object { target: own, .. }) = subject else { return answer };
        let manifests = &self.asked.compiled.manifests;
        let look = |index: usize| match subject {
            Subject::Value { component, path, .. } => {
                manifests.targets[index].components.get(component)?.values.as_ref()?.within(path)
            }
            Subject::Object { component, stage, id, path, .. } => {
                let all = manifests.targets[index].components.get(component)?.stages.get(stage)?;
                all.iter().find(|one| one.object.id() == *id)?.object.value().within(path)
            }
            _ => None,
        };
        let others =
            self.asked.targets().map(|(index, ..)| index).filter(|index| index != own && look(*index).is_some());
        let (same, differs): (Vec<usize>, Vec<usize>) = others.partition(|index| look(*index) == look(*own));
        let names = |all: &[usize]| quoted_list(all.iter().map(|index| self.target(*index).name.as_str()), "and");
        let answer = if same.is_empty() { answer } else { answer.note(format!("it is the same in {}", names(&same))) };
        match differs.first() {
            None => answer,
            Some(first) => {
                let example = &self.target(*first).name;
                answer.note(format!("it differs in {}: run it with `-e {example}`", names(&differs)))
            }
        }
    }

    fn target(&self, index: usize) -> &Target {
        &self.asked.platform.targets[index]
    }

    fn component(&self, subject: &Subject, index: usize, name: &str) -> Diagnostic {
        let target = self.target(index);
        let instance = &target.instances[name];
        let uses = &instance.definition.name;
        let what = if instance.job { "job" } else { "component" };
        let mut answer = note(format!("{what} `{name}` is `{uses}` from the catalogue, in `{}`", target.name));
        answer = self.effects(answer, subject, Some((target, instance)));
        answer = answer.at(instance.span, "declared here");
        if let Some(chart) = &instance.chart {
            let own = instance.definition.chart.as_ref().is_some_and(|own| own.version == chart.version);
            let from = if own { "the catalogue's version" } else { "set in the platform" };
            answer = answer.note(format!("chart `{}` {}: {from}", chart.name, chart.version));
        }
        let order = &self.asked.compiled.manifests.targets[index].order;
        for (unit, place) in order.units.iter().filter(|(unit, _)| unit.component == name) {
            let after: Vec<String> = place.after.iter().map(|(on, why)| format!("`{}` ({why})", on.name())).collect();
            let after = if after.is_empty() { String::new() } else { format!(", waits for {}", after.join(", ")) };
            answer = answer.note(format!("unit `{}` is in wave {}{after}", unit.name(), place.wave));
        }
        answer
    }

    fn value(&self, subject: &Subject, index: usize, name: &str, path: &[String]) -> Diagnostic {
        let target = self.target(index);
        let instance = &target.instances[name];
        let steps = lower::value_steps(
            self.world,
            self.asked.platform,
            (index, name),
            &mut self.asked.compiled.sources.clone(),
        );
        let last = steps.last().and_then(|(_, values)| values.within(path));
        let shown = if path.is_empty() { "the Helm values".into() } else { format!("Helm value `{}`", dotted(path)) };
        let mut answer = note(format!("{shown}{} of `{name}` in `{}`", equals(last), target.name));
        answer = self.effects(answer, subject, Some((target, instance)));
        let mut before: Option<&Value> = None;
        let mut makers: Vec<(&Step, Option<&Value>)> = Vec::new();
        for (step, values) in &steps {
            let now = values.within(path);
            if now != before {
                makers.push((step, now));
                before = now;
            }
        }
        // A map is made by all steps that touch it; anything else by the last one, over those before.
        let whole = last.is_some_and(|v| v.as_map().is_some() || v.as_list().is_some());
        for (place, (step, now)) in makers.iter().enumerate().rev() {
            let is_last = place + 1 == makers.len();
            let said = describe(step);
            if is_last || whole {
                answer = answer.note(format!("{} {said}", if is_last { "set by" } else { "and by" }));
                answer = self.made_by(answer, instance, step, path);
            } else {
                answer = answer.note(format!("overrides{} of {said}", equals(*now).replace(" =", "")));
            }
        }
        answer
    }

    /// Adds the place of a step.
    fn made_by(&self, answer: Diagnostic, instance: &Instance, step: &Step, path: &[String]) -> Diagnostic {
        match step {
            Step::Template => match &instance.definition.values {
                Some(template) => {
                    let found = template::line(&template.text, 1, None, path);
                    let answer = answer.at(lower::templates::line_span(template, found.line), found.says());
                    defaults(answer, instance, &template.text, found.line)
                }
                None => answer,
            },
            Step::Pod(pod, feature) => {
                let keys: &[&str] = match *feature {
                    "replicas" => &["replicas"],
                    "resources" => &["cpu", "memory"],
                    _ => &[],
                };
                let given = instance.said.pods.get(pod).map(|pod| &pod.places);
                let default = instance.definition.pods.get(pod).map(|pod| &pod.default.places);
                let unset = keys.iter().filter(|key| given.is_none_or(|given| !given.has(key)));
                let spans = unset.filter_map(|key| default.filter(|d| d.has(key)).map(|d| d.value_of(key)));
                spans.fold(answer, |answer, span| place(answer, span, "the catalogue's default"))
            }
            Step::Metrics => place(answer, instance.definition.span, "in `[metrics]` of this component"),
            Step::File(file, _) => {
                let sources = &self.asked.compiled.sources;
                let Some(id) = sources.find(file) else { return answer };
                let text = sources.text(id);
                let keys: Vec<&str> = path.iter().map(String::as_str).collect();
                let line = yaml::read(text).ok().and_then(|all| all.first()?.lines.line(&keys)).unwrap_or(1);
                place(answer, line_span(id, text, line), "in this file")
            }
            Step::User => match nested(instance.said.values.as_ref().and_then(Node::as_table), path) {
                Some(node) => place(answer, node.span, "the user's `values`"),
                None => answer,
            },
            Step::Images(at) => place(answer, *at, "the platform's `[images]`"),
        }
    }

    fn object(
        &self,
        subject: &Subject,
        index: usize,
        name: &str,
        (stage, id): (Stage, &ObjectId),
        path: &[String],
    ) -> Diagnostic {
        let target = self.target(index);
        let unit = &self.asked.compiled.manifests.targets[index].components[name];
        let Some(lowered) = unit.stages.get(&stage).and_then(|all| all.iter().find(|one| one.object.id() == *id))
        else {
            return note(format!("`{id}` does not exist"));
        };
        let owner = format!("stage `{}` of `{name}` in `{}`", stage.name(), target.name);
        let mut answer = note(match path {
            [] => format!("`{id}`: {owner}"),
            path => format!("`{}`{} of `{id}`: {owner}", dotted(path), equals(lowered.object.value().within(path))),
        });
        let instance = target.instances.get(name);
        answer = self.effects(answer, subject, instance.map(|i| (target, i)));
        if answer.labels.is_empty()
            || (path.is_empty() && !answer.labels.iter().any(|label| label.text.starts_with(MAKES)))
        {
            answer = place(answer, lowered.origin.span, "included here");
        }
        match instance {
            Some(instance) if lowered.origin.is_chart() => answer.note(self.of_chart(index, instance, lowered, path)),
            _ if self.kind_template(&lowered.origin.file).is_some() => self.of_kind(answer, lowered, path),
            Some(instance) => made(answer, instance, stage, lowered, path),
            None => answer.note(feature(id)),
        }
    }

    /// Returns the template of a kind of edges, of a secret store, or of lakegen's own.
    fn kind_template(&self, name: &str) -> Option<&Template> {
        let catalogue = &self.asked.platform.catalogue;
        let edges = catalogue.edges.values().flat_map(|kind| kind.templates());
        let stores = catalogue.stores.values().flat_map(|kind| kind.templates());
        edges.chain(stores).chain(catalogue.objects.values()).find(|template| template.name == name)
    }

    /// Says which line of such a template made an object, or a field of it.
    fn of_kind(&self, answer: Diagnostic, lowered: &Lowered, path: &[String]) -> Diagnostic {
        match self.kind_template(&lowered.origin.file) {
            _ if is_our_label(path) => answer.note(OUR_LABEL),
            Some(template) => {
                let answer = from_template(answer, template, lowered, path).0;
                if lowered.origin.is_own() { answer.note(feature(&lowered.object.id())) } else { answer }
            }
            None => answer,
        }
    }

    /// Says which line of a chart made an object, or a field of it.
    fn of_chart(&self, index: usize, instance: &Instance, lowered: &Lowered, path: &[String]) -> String {
        let charts = &self.asked.compiled.manifests.targets[index].charts;
        let items = charts.iter().filter(|inflation| inflation.component == instance.name).filter_map(|inflation| {
            match &inflation.sight {
                Sight::Inflated(inflated) => Some((inflation, inflated.items())),
                _ => None,
            }
        });
        let origin = &lowered.origin;
        let is_it = |item: &&Item| {
            let name = item.document.value.at(&["metadata", "name"]).and_then(Value::as_str);
            item.template == origin.file && item.kind() == lowered.object.kind() && name == Some(lowered.object.name())
        };
        let keys: Vec<&str> = path.iter().map(String::as_str).collect();
        for (inflation, mut items) in items {
            if let Some(item) = items.find(is_it) {
                let line = if keys.is_empty() { origin.line } else { item.origin_of(&keys) };
                let chart = &inflation.chart;
                return format!(
                    "created by line {line} of {} of chart `{}` {}",
                    origin.file, chart.name, chart.version
                );
            }
        }
        format!("created by {}", origin.file)
    }

    fn line(&self, subject: &Subject, file: &str, path: Option<&[String]>, line: usize) -> Diagnostic {
        let text = self
            .asked
            .compiled
            .tree
            .get(file)
            .map(|bytes| String::from_utf8_lossy(bytes).into_owned())
            .unwrap_or_default();
        let shown = match path {
            Some(path) if !path.is_empty() => {
                let value = yaml::read_one(&text).ok();
                format!("`{}`{} in `{file}`", dotted(path), equals(value.as_ref().and_then(|v| v.within(path))))
            }
            _ => {
                format!("line {line} of `{file}`: `{}`", text.lines().nth(line.saturating_sub(1)).unwrap_or("").trim())
            }
        };
        let of = self.unit_of(file);
        let mut answer = self.effects(note(shown), subject, of);
        if answer.labels.is_empty() {
            if let Some((_, instance)) = of {
                answer = answer.at(instance.span, "this is declared here");
            }
            answer = answer.note("no key of platform.toml changes it: it comes from the catalogue or lakegen itself");
        }
        answer.note(format!("lakegen writes this file itself, {}", purpose(file)))
    }

    /// Returns the component whose unit a file of the engine's folder is.
    fn unit_of(&self, file: &str) -> Option<(&Target, &Instance)> {
        let [_, target, name] = file.split('/').collect::<Vec<_>>()[..] else { return None };
        let index = self.asked.platform.targets.iter().position(|t| t.name == target)?;
        let units = self.asked.compiled.manifests.targets[index].order.units.keys();
        let unit = units.into_iter().find(|unit| Some(unit.name().as_str()) == name.strip_suffix(".yaml"))?;
        let target = self.target(index);
        Some((target, target.instances.get(&unit.component)?))
    }

    /// Returns the components that a component's objects can depend on: what it waits for, its providers, its consumers.
    fn related(&self, target: &Target, instance: &Instance) -> BTreeSet<String> {
        let binds = |from: &Instance, to: &str| from.bindings.values().flat_map(|b| b.all()).any(|b| b.provider == to);
        let others = target.instances.values();
        let bound = others.filter(|other| binds(other, &instance.name) || binds(instance, &other.name));
        let mut related: BTreeSet<String> = bound.map(|other| other.name.clone()).collect();
        let index = self.asked.platform.targets.iter().position(|t| t.name == target.name).unwrap_or(0);
        let units = &self.asked.compiled.manifests.targets[index].order.units;
        let own = units.iter().filter(|(unit, _)| unit.component == instance.name);
        related.extend(own.flat_map(|(_, place)| place.after.keys()).map(|unit| unit.component.clone()));
        related
    }

    /// Adds the keys of platform.toml that decide the subject: those of the component first, and only when none of them
    /// does, those of the rest.
    fn effects(&self, answer: Diagnostic, subject: &Subject, of: Option<(&Target, &Instance)>) -> Diagnostic {
        let targets = &self.asked.platform.targets;
        let target = match (of, subject) {
            (Some((target, _)), _) => Some(target),
            (None, Subject::Line { file, .. }) => targets.iter().find(|t| file.split('/').nth(1) == Some(&t.name)),
            (None, _) => None,
        };
        let in_layer = |path: &[Arc<str>]| match (path, target) {
            ([group, name, ..], Some(target)) if &**group == "environments" => **name == *target.environment,
            ([group, name, ..], Some(target)) if &**group == "clusters" => **name == *target.cluster,
            _ => true,
        };
        let trial = Trial {
            world: self.world,
            syntax: self.syntax,
            sources: self.parsed,
            target: target.map_or("", |t| &t.name),
            subject,
        };
        let chain = of.map(|(_, instance)| self.chain(&instance.name)).unwrap_or_default();
        let own = |path: &[Arc<str>]| {
            let (_, rest) = layer(path);
            match rest {
                [group, ..] if &**group == "defaults" => true,
                [group, name, ..] => {
                    ["components", "jobs"].contains(&&**group) && chain.iter().any(|one| **one == **name)
                }
                _ => false,
            }
        };
        let related = of.map(|(target, instance)| match subject {
            Subject::Line { .. } => BTreeSet::new(),
            _ => self.related(target, instance),
        });
        // What other components say can only matter where something leads from one to the other.
        let near = |path: &[Arc<str>]| match (layer(path).1, &related) {
            ([group, name, ..], Some(related)) if ["components", "jobs"].contains(&&**group) => {
                related.contains(&**name)
            }
            ([], _) => false,
            _ => true,
        };
        let whole = matches!(subject, Subject::Object { path, .. } if path.is_empty());
        let values = matches!(subject, Subject::Value { path, .. } if path.is_empty());
        let mut effects = if of.is_some() { trial.effects(&|path| in_layer(path) && own(path)) } else { vec![] };
        if whole && !effects.iter().any(|effect| effect.makes) {
            let rest = trial.effects(&|path| in_layer(path) && !own(path) && near(path));
            effects.extend(rest.into_iter().filter(|effect| effect.makes));
        } else if effects.is_empty() && !values && !matches!(subject, Subject::Component { .. }) {
            effects = trial.effects(&|path| in_layer(path) && !own(path) && near(path));
        }
        // What makes it says more than what shapes it.
        effects.sort_by_key(|effect| !effect.makes);
        let more = effects.len().saturating_sub(MOST);
        let name = of.map_or("", |(_, instance)| instance.name.as_str());
        let answer = effects.iter().take(MOST).fold(answer, |answer, effect| {
            let at = if effect.value.end - effect.value.start > 200 { effect.key } else { effect.value };
            place(answer, at, &says(effect, name, whole || values))
        });
        if more > 0 { answer.note(format!("and {more} more keys of platform.toml affect it")) } else { answer }
    }

    /// Returns a component with those that it is `like`.
    fn chain(&self, name: &str) -> Vec<String> {
        let mut chain = vec![name.to_string()];
        while let Some(next) = ["components", "jobs"]
            .iter()
            .find_map(|group| self.syntax.root.table(group)?.table(chain.last()?)?.text("like"))
            .filter(|next| !chain.iter().any(|known| known == next))
        {
            chain.push(next.to_string());
        }
        chain
    }
}

fn note(message: String) -> Diagnostic {
    Diagnostic { level: Level::Note, ..Diagnostic::warning(&ORIGIN, message) }
}

/// Adds a place once.
fn place(answer: Diagnostic, span: Span, text: &str) -> Diagnostic {
    if answer.labels.iter().any(|label| label.span == span) { answer } else { answer.at(span, text) }
}

/// Splits a path into the layer that it stands in and the rest.
fn layer(path: &[Arc<str>]) -> (Option<String>, &[Arc<str>]) {
    match path {
        [group, name, rest @ ..] if &**group == "environments" => (Some(format!("environment `{name}`")), rest),
        [group, name, rest @ ..] if &**group == "clusters" => (Some(format!("cluster `{name}`")), rest),
        _ => (None, path),
    }
}

fn says(effect: &Effect, component: &str, whole: bool) -> String {
    let what = match (effect.makes, whole) {
        (true, _) => MAKES,
        (false, true) => "this affects it",
        (false, false) => "this decides it",
    };
    let (layer, rest) = layer(&effect.path);
    let mut from: Vec<String> = layer.into_iter().collect();
    match rest {
        [group, ..] if &**group == "defaults" => from.push("`[defaults]`".into()),
        [group, name, ..] if ["components", "jobs"].contains(&&**group) && **name != *component => {
            from.push(format!("component `{name}`"));
        }
        _ => {}
    }
    if from.is_empty() { what.into() } else { format!("{what} ({})", from.join(", ")) }
}

fn dotted(path: &[String]) -> String {
    path.iter().map(|key| key.replace('.', "\\.")).collect::<Vec<_>>().join(".")
}

/// Returns ` = value` for what is short enough to show.
fn equals(value: Option<&Value>) -> String {
    match value {
        None => String::new(),
        Some(Value::Map(_) | Value::List(_)) => String::new(),
        Some(Value::Str(text)) if text.chars().count() > 60 || text.contains('\n') => String::new(),
        Some(value) => format!(" = `{}`", yaml::write(value).trim_end()),
    }
}

fn describe(step: &Step) -> String {
    match step {
        Step::Template => "the component's template".into(),
        Step::Pod(pod, feature) => match *feature {
            "placement" => format!("the common key `placement` for the pods `{pod}`"),
            "identity" | "env" | "files" => format!("the common key `{feature}` for the pods `{pod}`"),
            "resources" => format!("the common keys `pods.{pod}.cpu` and `pods.{pod}.memory`"),
            _ => format!("the common key `pods.{pod}.{feature}`"),
        },
        Step::Metrics => "`[metrics]` of the component, because the target has monitoring".into(),
        Step::File(file, _) => format!("the user's `values_files`: `{file}`"),
        Step::User => "the user's `values`".into(),
        Step::Images(_) => "the platform's `[images]`".into(),
    }
}

/// Adds the template, file or feature that made an object.
fn made(answer: Diagnostic, instance: &Instance, stage: Stage, lowered: &Lowered, path: &[String]) -> Diagnostic {
    let origin = &lowered.origin;
    if is_our_label(path) {
        return answer.note(OUR_LABEL);
    }
    let templates = instance.definition.templates.get(&stage);
    if let Some(template) = templates.and_then(|all| all.iter().find(|t| t.name == origin.file)) {
        let (answer, line) = from_template(answer, template, lowered, path);
        return defaults(answer, instance, &template.text, line);
    }
    match origin.template {
        Some(span) => answer.at(span, "in this file of the platform"),
        None => answer.note(feature(&lowered.object.id())),
    }
}

const OUR_LABEL: &str = "lakegen sets this label on every object";

fn is_our_label(path: &[String]) -> bool {
    path.last().is_some_and(|key| ["app.kubernetes.io/managed-by", "app.kubernetes.io/part-of"].contains(&key.as_str()))
}

/// Adds the line of a template that made an object or a field of it, and returns its number.
fn from_template(answer: Diagnostic, template: &Template, lowered: &Lowered, path: &[String]) -> (Diagnostic, usize) {
    let found = template::line(&template.text, lowered.origin.line, Some(lowered.object.kind()), path);
    (answer.at(lower::templates::line_span(template, found.line), found.says()), found.line)
}

/// Says which feature of lakegen makes objects of a kind that no template wrote.
fn feature(id: &ObjectId) -> String {
    let what = match &*id.kind {
        "Certificate" => "it is the wildcard certificate of an edge's hosts",
        "ExternalSecret" => {
            "it reads a Secret from the store, as required by the wiring and `[secrets]` of the \
        component"
        }
        "ClusterSecretStore" | "ServiceAccount" | "Role" | "RoleBinding" => {
            "it lets the components that are bound to it read Secrets of this namespace"
        }
        "Password" => "it generates a credential once in the cluster",
        "ServiceMonitor" | "PodMonitor" => {
            "it comes from `[metrics]` of the component, because the target has monitoring"
        }
        "PrometheusRule" => "it comes from the alerts of the component, because the target has monitoring",
        "NetworkPolicy" => "it comes from `policy.network` and the bindings",
        "Namespace" | "ResourceQuota" => "lakegen creates every component's namespace, as set in `[namespaces]`",
        "ConfigMap" => "it contains `files` or `dashboards` of the component",
        _ => "no template wrote it",
    };
    format!("lakegen writes this itself: {what}")
}

fn purpose(file: &str) -> &'static str {
    match file.split('/').next() {
        Some("argocd" | "flux") => "for the GitOps engine",
        Some("bootstrap") => "for the first rollout",
        Some("components") => "to combine the objects of a folder",
        _ => "for people",
    }
}

/// Adds the catalogue's defaults of the options that a line of a template reads.
fn defaults(mut answer: Diagnostic, instance: &Instance, text: &str, line: usize) -> Diagnostic {
    let line = text.lines().nth(line.saturating_sub(1)).unwrap_or("");
    for after in line.split("options.").skip(1) {
        let name: String = after.chars().take_while(|c| c.is_ascii_alphanumeric() || *c == '_').collect();
        let default = instance.definition.options.get(&name).and_then(|option| option.default.as_ref());
        if let Some(node) = default.filter(|_| instance.arg(&name).is_none()) {
            answer = place(answer, node.span, &format!("the catalogue's default of `{name}`"));
        }
    }
    answer
}

fn nested<'t>(table: Option<&'t Table>, path: &[String]) -> Option<&'t Node> {
    let (first, rest) = path.split_first()?;
    let node = table?.node(first)?;
    match node.as_table() {
        Some(inner) if !rest.is_empty() => nested(Some(inner), rest),
        _ => Some(node),
    }
}

fn line_span(id: crate::diag::SourceId, text: &str, line: usize) -> Span {
    let start: usize = text.split_inclusive('\n').take(line.saturating_sub(1)).map(str::len).sum();
    let end = text[start..].find('\n').map_or(text.len(), |n| start + n);
    Span::new(id, start, end)
}

#[cfg(test)]
mod tests;
