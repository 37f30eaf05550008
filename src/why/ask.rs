//! What a person asks about: words in, a part of the compiled platform out.

use std::collections::BTreeSet;

use super::{Subject, nearest};
use crate::compile::Compiled;
use crate::diag::stop::Stop;
use crate::diag::{near, quoted_list};
use crate::lower::charts::values::split_path;
use crate::lower::{Lowered, TargetManifests};
use crate::manifest::yaml;
use crate::resolve::{Platform, Target};

/// The most answers that one question gets.
const MOST: usize = 5;

/// A compiled platform, and the targets that are meant.
pub struct Asked<'a> {
    pub compiled: &'a Compiled,
    pub platform: &'a Platform,
    pub chosen: &'a dyn Fn(&str) -> bool,
}

impl<'a> Asked<'a> {
    /// Returns the targets that are meant, with their index.
    pub fn targets(&self) -> impl Iterator<Item = (usize, &'a Target, &'a TargetManifests)> {
        let all = self.platform.targets.iter().zip(&self.compiled.manifests.targets).enumerate();
        let chosen = self.chosen;
        all.filter(move |(_, (target, _))| chosen(&target.name)).map(|(i, (target, lowered))| (i, target, lowered))
    }

    /// Returns what the words mean.
    ///
    /// # Errors
    /// When they mean nothing here: what is near.
    pub fn subjects(&self, words: &[String]) -> Result<Vec<Subject>, Stop> {
        match words {
            [component, word, path] if word == "values" => self.value(component, path),
            [component, word] if word == "values" => self.value(component, ""),
            [what] => {
                if let Some((file, line)) = what.rsplit_once(':')
                    && let Ok(line) = line.parse::<usize>()
                {
                    return self.line(file, line);
                }
                let parts: Vec<&str> = what.split('/').collect();
                match parts.as_slice() {
                    [name] => self.component(name),
                    [kind, name] => self.objects(None, kind, name, what),
                    [namespace, kind, name] => self.objects(Some(namespace), kind, name, what),
                    _ => Err(Stop::environment(format!("`{what}` is not a resource")).help(HOW)),
                }
            }
            _ => Err(Stop::environment(format!("`{}` does not exist", words.join(" "))).help(HOW)),
        }
    }

    fn component(&self, name: &str) -> Result<Vec<Subject>, Stop> {
        match self.targets().find(|(_, target, _)| target.instances.contains_key(name)) {
            Some((target, ..)) => Ok(vec![Subject::Component { target, component: name.into() }]),
            None => Err(self.no_component(name)),
        }
    }

    fn no_component(&self, name: &str) -> Stop {
        let names: BTreeSet<&str> =
            self.targets().flat_map(|(_, t, _)| t.instances.keys()).map(String::as_str).collect();
        nearest(Stop::environment(format!("unknown component or job: `{name}`")), name, &names)
    }

    fn value(&self, component: &str, path: &str) -> Result<Vec<Subject>, Stop> {
        let mut there = self.targets().filter(|(_, target, _)| target.instances.contains_key(component)).peekable();
        if there.peek().is_none() {
            return Err(self.no_component(component));
        }
        let keys: Vec<String> = if path.is_empty() { vec![] } else { split_path(path) };
        let mut known = BTreeSet::new();
        for (target, _, lowered) in there {
            let Some(values) = lowered.components.get(component).and_then(|unit| unit.values.as_ref()) else {
                continue;
            };
            if values.within(&keys).is_some() {
                return Ok(vec![Subject::Value { target, component: component.into(), path: keys }]);
            }
            // The keys beside the first one that is missing.
            let missing = (0..keys.len()).find(|n| values.within(&keys[..=*n]).is_none()).unwrap_or(0);
            let beside = values.within(&keys[..missing]).and_then(|v| v.as_map()).into_iter().flatten();
            known.extend(beside.map(|(key, _)| {
                keys[..missing].iter().map(String::as_str).chain([&**key]).collect::<Vec<_>>().join(".")
            }));
        }
        if known.is_empty() {
            return Err(Stop::environment(format!("`{component}` has no Helm values")));
        }
        let known: BTreeSet<&str> = known.iter().map(String::as_str).collect();
        let message = format!("lakegen does not set value `{path}` of `{component}`; the chart's default applies");
        Err(nearest(Stop::environment(message), path, &known))
    }

    fn objects(&self, namespace: Option<&str>, kind: &str, name: &str, what: &str) -> Result<Vec<Subject>, Stop> {
        let same = |a: &str, b: &str| a.eq_ignore_ascii_case(b);
        let mut found: Vec<Subject> = Vec::new();
        let mut seen = BTreeSet::new();
        let mut all = BTreeSet::new();
        for (target, _, lowered) in self.targets() {
            for (component, stage, one) in objects(lowered) {
                let id = one.object.id();
                all.insert(match namespace {
                    Some(_) => format!("{}/{}/{}", id.namespace, id.kind, id.name),
                    None => format!("{}/{}", id.kind, id.name),
                });
                let here = namespace.is_none_or(|namespace| same(namespace, &id.namespace));
                if here
                    && same(kind, &id.kind)
                    && same(name, &id.name)
                    && seen.insert((component.to_string(), id.clone()))
                {
                    found.push(Subject::Object { target, component: component.into(), stage, id, path: vec![] });
                }
            }
        }
        if !found.is_empty() {
            found.truncate(MOST);
            return Ok(found);
        }
        let mut refusal = Stop::environment(format!("lakegen does not write `{what}`"));
        if let Some((instance, chart)) = self.chart_of(name) {
            refusal = refusal.help(format!(
                "it may come from chart `{chart}` of component `{instance}`, for which lakegen only writes the \
                values: `lakegen why {instance} values`"
            ));
        }
        let folded = what.to_lowercase();
        let close: Vec<&str> = all
            .iter()
            .map(String::as_str)
            .filter(|a| a.to_lowercase().ends_with(&format!("/{}", name.to_lowercase())))
            .collect();
        Err(match near(&folded, all.iter().map(String::as_str)) {
            near if near.is_empty() && close.is_empty() => refusal,
            near if near.is_empty() => {
                refusal.help(format!("available: {}", quoted_list(close.into_iter().take(6), "and")))
            }
            near => refusal.help(format!("did you mean {}?", quoted_list(near, "or"))),
        })
    }

    /// Returns the component whose chart most likely makes an object of this name, with the chart.
    fn chart_of(&self, name: &str) -> Option<(&'a str, String)> {
        let instances = self.targets().flat_map(|(_, target, _)| target.instances.values());
        let charts = instances.filter_map(|i| Some((i, i.chart.as_ref()?)));
        let named = charts.filter(|(i, _)| {
            [&i.release, &i.fullname].iter().any(|own| name == *own || name.starts_with(&format!("{own}-")))
        });
        named
            .max_by_key(|(i, _)| i.release.len())
            .map(|(i, chart)| (i.name.as_str(), format!("{} {}", chart.name, chart.version)))
    }

    fn line(&self, file: &str, line: usize) -> Result<Vec<Subject>, Stop> {
        let file = file.trim_start_matches("./");
        let tree = &self.compiled.tree;
        let mut folders = self.platform.targets.iter().map(|target| format!("{}/", target.settings.git.path));
        let inside = folders.find_map(|folder| file.strip_prefix(&folder)).unwrap_or(file);
        let Some((file, bytes)) = [file, inside].into_iter().find_map(|path| Some((path, tree.get(path)?))) else {
            let all: BTreeSet<&str> = tree.files().map(|(path, _)| path).collect();
            return Err(nearest(
                Stop::environment(format!("no such file in the rendered tree: `{file}`")),
                inside,
                &all,
            ));
        };
        let text = String::from_utf8_lossy(bytes);
        let count = text.lines().count();
        if line == 0 || line > count {
            return Err(Stop::environment(format!("`{file}` has {count} lines")));
        }
        let Some(document) = yaml::read(&text).ok().filter(|_| is_yaml(file)).and_then(|all| all.into_iter().next())
        else {
            return Ok(vec![Subject::Line { file: file.into(), path: None, line }]);
        };
        let path = document.path_at(line);
        let parts: Vec<&str> = file.split('/').collect();
        let (component, target) = match parts.as_slice() {
            ["components", component, target, ..] | ["manifests", target, component, ..] => (*component, *target),
            _ => return Ok(vec![Subject::Line { file: file.into(), path: Some(path), line }]),
        };
        let mut targets = self.targets().filter(|(_, t, lowered)| {
            (target == "base" || t.name == target) && lowered.components.contains_key(component)
        });
        let Some((index, _, lowered)) = targets.next() else {
            return Err(Stop::environment(format!("`{file}` belongs to an environment that `-e` excludes")));
        };
        if parts[3] == "values" {
            return Ok(vec![Subject::Value { target: index, component: component.into(), path }]);
        }
        let text_at = |path: &[&str]| document.value.at(path).and_then(|v| v.as_str()).unwrap_or("").to_string();
        let (kind, name) = (text_at(&["kind"]), text_at(&["metadata", "name"]));
        let object = objects(lowered).find(|(owner, stage, one)| {
            *owner == component && stage.name() == parts[3] && one.object.kind() == kind && one.object.name() == name
        });
        Ok(vec![match object {
            Some((_, stage, one)) => {
                Subject::Object { target: index, component: component.into(), stage, id: one.object.id(), path }
            }
            None => Subject::Line { file: file.into(), path: Some(path), line },
        }])
    }
}

const HOW: &str =
    "use a component, `Kind/name`, `namespace/Kind/name`, `FILE:LINE` of the tree, or `COMPONENT values PATH`";

fn is_yaml(path: &str) -> bool {
    path.ends_with(".yaml")
}

fn objects(lowered: &TargetManifests) -> impl Iterator<Item = (&str, crate::catalog::Stage, &Lowered)> {
    lowered.components.iter().flat_map(|(component, unit)| {
        unit.stages.iter().flat_map(move |(stage, all)| all.iter().map(move |one| (component.as_str(), *stage, one)))
    })
}
