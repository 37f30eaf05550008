//! Values of a shape: what the language says may stand under a key, drawn at random.

use lakegen::catalog::OptionDef;
use lakegen::parse::shape::{Keys, Shape};
use lakegen::parse::text::Format;
use serde_json::{Value, json};

use super::document::Table;
use super::draw::Draw;

impl Draw<'_> {
    /// Draws each key of a table with a chance of so many in a hundred.
    pub fn table(&mut self, keys: &Keys, at: &[&str], percent: usize) -> Table {
        let mut table = Table::new();
        for (name, key) in &keys.keys {
            if self.dice.chance(percent) {
                let path: Vec<&str> = at.iter().copied().chain([name.as_str()]).collect();
                if let Some(value) = self.value(&key.shape, &path) {
                    table.insert(name.clone(), value);
                }
            }
        }
        table
    }

    /// Draws a value of a shape for the key at a path; `None` where nothing is known that would be right there.
    pub fn value(&mut self, shape: &Shape, at: &[&str]) -> Option<Value> {
        let key = at.last().copied().unwrap_or_default();
        if let Some(known) = self.known(key, at) {
            return (!known.is_null()).then_some(known);
        }
        Some(match shape {
            Shape::Any | Shape::Component | Shape::Job | Shape::Once => return None,
            Shape::Bool => json!(self.dice.chance(50)),
            Shape::Int { min, max } => {
                let low = (*min).max(0);
                let span = max.saturating_sub(low).clamp(0, 4);
                json!(low + i64::try_from(self.dice.below(usize::try_from(span).unwrap_or(0) + 1)).unwrap_or(0))
            }
            Shape::Number => json!(1 + self.dice.below(9)),
            Shape::Text(format) => Value::from(self.text(*format, key)),
            Shape::Enum(words) => Value::from(self.dice.pick(words)?.as_str()),
            Shape::List(of) => {
                let items = (0..=self.dice.below(2)).filter_map(|_| self.value(of, at)).collect::<Vec<_>>();
                let mut distinct: Vec<Value> = Vec::new();
                for item in items {
                    if !distinct.contains(&item) {
                        distinct.push(item);
                    }
                }
                Value::Array(distinct)
            }
            Shape::Map(_, of) => {
                let name = self.dice.word(&["alpha", "beta", "gamma"]);
                let path: Vec<&str> = at.iter().copied().chain([name.as_str()]).collect();
                let inner = self.value(of, &path)?;
                json!({ name: inner })
            }
            Shape::Table(keys) => Value::Object(self.table(keys, at, 50)),
            Shape::Either(shapes) => {
                let shape = self.dice.pick(shapes)?.clone();
                return self.value(&shape, at);
            }
        })
    }

    /// Draws a text of a format.
    pub fn text(&mut self, format: Format, key: &str) -> String {
        match format {
            Format::Size => self.dice.word(&["1Gi", "10Gi", "512Mi", "2Ti"]),
            Format::Range => self.dice.word(&["500m..2", "1", "1Gi..2Gi", "250m..1"]),
            Format::Duration => self.dice.word(&["30s", "5m", "1h", "7d"]),
            Format::Cron => self.dice.word(&["15 3 * * *", "@daily", "*/10 * * * *"]),
            Format::Image => self.dice.word(&["ghcr.io/acme/app:1.4.2", "registry.example.com/acme/tool:2.0.1"]),
            Format::Item => self.dice.word(&["shared/login", "team/token#token"]),
            Format::Host => self.host(),
            Format::Name => self.dice.word(&["one", "two", "tools"]),
            Format::Reference | Format::Glob => self.some_instance().unwrap_or_default(),
            Format::Url => format!("https://{key}.example.com/acme/{}.git", self.dice.word(&["one", "two"])),
            Format::Version => self.dice.word(&["2.7.0", "1.2.3"]),
            Format::Path => format!("{}/{key}", self.dice.word(&["gitops", "rendered"])),
            Format::Pointer => self.dice.word(&["/spec/replicas", "/metadata/labels"]),
            Format::Api => self.dice.word(&["widgets.example.com/v1", "widgets.example.com/v1/Widget:Cluster"]),
            Format::Any => self.dice.word(&["alpha", "beta"]),
        }
    }

    /// What a key wants that its format does not say. Null: nothing is drawn there.
    fn known(&mut self, key: &str, at: &[&str]) -> Option<Value> {
        let parent = at.len().checked_sub(2).map_or("", |i| at[i]);
        let words = |draw: &mut Self, of: &[&str]| Some(Value::from(draw.dice.word(of)));
        match (parent, key) {
            (_, "members" | "enable" | "disable") => {
                Some(self.some_instance().map_or(Value::Null, |name| json!([name])))
            }
            ("placements" | "one" | "two" | "team", "nodes") => {
                Some(json!({ "pool": self.dice.word(&["data", "a1"]) }))
            }
            (_, "labels" | "annotations") => {
                Some(json!({ self.dice.word(&["team", "acme.example.com/cost"]): self.dice.word(&["data", "a1"]) }))
            }
            (_, "quota") => Some(json!({ "requests.cpu": self.dice.word(&["20", "40"]), "pods": "100" })),
            (_, "tolerate") => words(self, &["dedicated=data:NoSchedule", "spot=true:NoExecute"]),
            (_, "spread") => words(self, &["topology.kubernetes.io/zone", "kubernetes.io/hostname"]),
            (_, "groups") => Some(json!([self.dice.word(&["data-engineers", "sre"])])),
            (_, "can") => Some(json!([self.dice.word(&["view", "sync", "admin"])])),
            ("policy", "allow") => {
                Some(json!([{ "rule": "abandoned-component", "resource": "*", "reason": "in use" }]))
            }
            (_, "allow") => Some(json!(["rbac.authorization.k8s.io/ClusterRole"])),
            (_, "kubernetes") => words(self, &["1.33", "1.34"]),
            (_, "domain") => words(self, &["example.com", "data.example.org"]),
            (_, "apis") => Some(json!(["widgets.example.com/v1"])),
            (_, "ignore") => Some(json!([{ "group": "apps", "kind": "Deployment", "pointers": ["/spec/replicas"] }])),
            (_, "rewrite") => {
                Some(json!({ "docker.io": self.dice.word(&["mirror.example.com/hub", "hub.example.org"]) }))
            }
            (_, "pins") => Some(json!({ "ghcr.io/acme/app": format!("1.4.2@sha256:{}", "a".repeat(64)) })),
            (_, "until") => words(self, &["2030-01-01"]),
            ("argocd", "rollout" | "names") => Some(Value::Null),
            // Rendered manifests need charts at hand.
            ("platform", "output") if self.has_charts() => Some(Value::Null),
            ("sync", "options" | "revision_history") if self.engine() == "flux" => Some(Value::Null),
            ("sync", "options") => Some(json!([self.dice.word(&["Validate=false", "RespectIgnoreDifferences=true"])])),
            (_, "placement") => Some(self.placement()),
            ("platform", "name" | "engine") | ("git", "url") => Some(Value::Null),
            // A value of the chart, an exception or a switch: each would need to know more than its shape.
            (_, "values" | "values_files" | "chart" | "patches" | "vars_from" | "unset" | "like" | "server") => {
                Some(Value::Null)
            }
            (_, "dashboards") => {
                Some(self.file("dashboards/board.json", "{\"title\": \"Board\", \"uid\": \"board\"}\n"))
            }
            (_, "manifests") => Some(self.manifest()),
            (_, "alerts") => Some(
                json!({ "Broken": { "expr": "up == 0", "for": self.dice.word(&["5m", "1h"]), "summary": "down" } }),
            ),
            _ => None,
        }
    }

    fn has_charts(&self) -> bool {
        let definitions = self.instances.values().filter_map(|name| self.kit.catalogue.components.get(name));
        definitions.into_iter().any(|d| d.chart.is_some() || d.crds.is_some() || d.name == "chart")
    }

    fn placement(&mut self) -> Value {
        let name = self.dice.word(&["one", "two"]);
        if self.document.at(&["placements", &name]).is_none() {
            self.document.set(&["placements", &name], json!({ "nodes": { "pool": name } }));
        }
        json!([name])
    }

    fn file(&mut self, path: &str, text: &str) -> Value {
        self.document.files.insert(path.to_string(), text.to_string());
        json!([path])
    }

    fn manifest(&mut self) -> Value {
        let name = self.dice.word(&["extra", "more"]);
        let text = format!("apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: {name}\ndata:\n  key: value\n");
        self.file(&format!("manifests/{name}.yaml"), &text)
    }

    /// Draws an option by its definition, or takes one that was written somewhere.
    pub fn option(&mut self, component: &str, name: &str, def: &OptionDef) -> Option<Value> {
        let kit = self.kit;
        let samples = kit.samples.get(&(component.to_string(), name.to_string())).map_or(&[][..], Vec::as_slice);
        if !samples.is_empty() && (def.required || self.dice.chance(60)) {
            return self.dice.pick(samples).cloned();
        }
        self.defined(name, def)
    }

    fn defined(&mut self, name: &str, def: &OptionDef) -> Option<Value> {
        if def.pattern.is_some() {
            return def.default.as_ref().and_then(|node| serde_json::to_value(node.to_value()).ok());
        }
        if !def.values.is_empty() && self.dice.chance(50) {
            return self.dice.pick(&def.values).map(|word| Value::from(word.as_str()));
        }
        if !def.keys.is_empty() {
            let inner = self.keyed(def)?;
            return Some(match def.kind.as_str() {
                "list" => json!([inner]),
                "map" => json!({ self.dice.word(&["alpha", "beta"]): inner }),
                _ => inner,
            });
        }
        let shape = lakegen::catalog::keys::option_shape(name, def);
        if matches!(shape, Shape::Any) {
            return None;
        }
        // The bounds of a number are the only thing that its shape knows better than a sample.
        self.value(&shape, &["options", name])
    }

    fn keyed(&mut self, def: &OptionDef) -> Option<Value> {
        let mut table = Table::new();
        for (key, inner) in &def.keys {
            if inner.required || self.dice.chance(40) {
                match self.defined(key, inner) {
                    Some(value) => drop(table.insert(key.clone(), value)),
                    None if inner.required => return None,
                    None => {}
                }
            }
        }
        Some(Value::Object(table))
    }
}
