//! A random component with everything that it cannot do without: slots filled, operators there, options of every type.

use lakegen::catalog::{Component, SlotShape};
use lakegen::parse::shape::Shape;
use serde_json::{Value, json};

use super::document::Table;
use super::draw::Draw;

/// Common keys that are drawn by their shape, with the chance of each.
const COMMON: &[(&str, usize)] = &[
    ("namespace", 8),
    ("release", 5),
    ("tier", 3),
    ("env", 10),
    ("files", 3),
    ("alerts", 8),
    ("dashboards", 4),
    ("manifests", 8),
    ("sync", 15),
    ("placement", 3),
];

impl Draw<'_> {
    /// Draws one component that somebody could want.
    pub fn goal(&mut self) {
        let names: Vec<&String> = self
            .kit
            .catalogue
            .components
            .keys()
            .filter(|name| !name.starts_with("job-") && (*name != "argocd" || self.engine() == "argocd"))
            .collect();
        if let Some(name) = self.dice.pick(&names).map(|name| (*name).clone()) {
            self.component(&name);
        }
    }

    /// Adds an instance of a component, and returns its name.
    pub fn component(&mut self, component: &str) -> String {
        let Some(definition) = self.kit.catalogue.components.get(component).cloned() else { return String::new() };
        let scoped = definition.scope == lakegen::catalog::Scope::Cluster;
        if let Some((name, _)) = self.instances.iter().find(|(_, uses)| *uses == component)
            && (scoped || self.dice.chance(80))
        {
            return name.clone();
        }
        let plain = !self.instances.contains_key(component) && (scoped || self.dice.chance(85));
        let name = if plain { component.to_string() } else { self.free_name() };
        self.instances.insert(name.clone(), component.to_string());
        // It stands in the file before those that it needs are drawn, so that circles end.
        self.document.set(&["components", &name], json!({}));
        let mut table = self.filled(&name, &definition);
        if !plain {
            table.insert("uses".into(), Value::from(component));
        }
        self.document.set(&["components", &name], table);
        name
    }

    fn free_name(&mut self) -> String {
        let stem = self.dice.word(&["alpha", "beta", "gamma", "delta"]);
        (1..).map(|n| format!("{stem}-{n}")).find(|name| !self.instances.contains_key(name)).unwrap_or(stem)
    }

    /// Adds a job.
    pub fn job(&mut self) {
        let kind = self.dice.word(&["container", "spark", "flink", "flink-sql"]);
        let component = format!("job-{kind}");
        let Some(definition) = self.kit.catalogue.components.get(&component).cloned() else { return };
        let name = format!("{}-job", self.free_name());
        let mut table = self.filled(&name, &definition);
        table.insert("kind".into(), Value::from(kind.as_str()));
        if !table.contains_key("when") && !table.contains_key("schedule") {
            table.insert("when".into(), json!("install"));
        }
        if kind == "spark" && self.dice.chance(90) {
            self.component("spark-operator");
        }
        self.document.set(&["jobs", &name], table);
    }

    fn filled(&mut self, name: &str, definition: &Component) -> Table {
        let mut table = Table::new();
        let kit = self.kit;
        for operator in kit.operators.get(&definition.name).into_iter().flatten() {
            if operator != "external-secrets" {
                self.component(operator);
            }
        }
        for friend in kit.friends.get(&definition.name).into_iter().flatten() {
            if friend != "external-secrets" && self.dice.chance(25) {
                self.component(friend);
            }
        }
        for (slot, def) in &definition.requires {
            if (!def.optional || self.dice.chance(35))
                && let Some(value) = self.slot(name, &definition.name, slot)
            {
                table.insert(slot.clone(), value);
            }
        }
        for (option, def) in &definition.options {
            if (def.required || self.dice.chance(20))
                && let Some(value) = self.option(&definition.name, option, def)
            {
                table.insert(option.clone(), value);
            }
        }
        self.common(name, definition, &mut table);
        table
    }

    fn common(&mut self, name: &str, definition: &Component, table: &mut Table) {
        for (key, percent) in COMMON {
            if !self.dice.chance(*percent) || table.contains_key(*key) {
                continue;
            }
            let Some(shape) = definition.keys.keys.get(*key).map(|key| key.shape.clone()) else { continue };
            if let Some(value) = self.value(&shape, &["components", name, key]) {
                table.insert((*key).to_string(), value);
            }
        }
        // What only its own examples can know: a chart, values of it, files.
        for key in ["chart", "values"] {
            let samples = self.kit.samples.get(&(definition.name.clone(), key.to_string()));
            if let Some(samples) = samples.filter(|_| definition.name == "chart") {
                table.insert(key.to_string(), self.dice.pick(samples).cloned().unwrap_or_else(|| json!({})));
            }
        }
        if definition.name == "manifests" {
            let value = self.value(&Shape::Any, &["components", name, "manifests"]).unwrap_or_else(|| json!([]));
            table.insert("manifests".into(), value);
        }
        if definition.name == "kustomize" {
            self.document.files.insert("kustomize/team-rules/kustomization.yaml".into(), "resources: []\n".into());
        }
        for pod in definition.pods.keys().filter(|_| definition.chart.is_some() || definition.name == "app") {
            if self.dice.chance(15) {
                let change = self.pod();
                table.entry("pods").or_insert_with(|| json!({}))[pod] = change;
            }
        }
        let chance = if self.kit.hosted.contains(&definition.name) || table.contains_key("login") { 95 } else { 40 };
        if definition.endpoints.contains_key("main") && self.dice.chance(chance) {
            let hosts = self.hosts_of();
            table.insert("host".into(), hosts);
        }
        for endpoint in definition.endpoints.keys().filter(|endpoint| *endpoint != "main") {
            if self.dice.chance(20) {
                let hosts = self.hosts_of();
                table.entry("hosts").or_insert_with(|| json!({}))[endpoint] = hosts;
            }
        }
    }

    fn hosts_of(&mut self) -> Value {
        let first = self.host();
        if self.dice.chance(20) { json!([first, self.host()]) } else { json!(first) }
    }

    fn pod(&mut self) -> Value {
        match self.dice.below(3) {
            0 => json!({ "replicas": 1 + self.dice.below(3) }),
            1 => json!({ "cpu": "500m..2" }),
            _ => json!({ "memory": "2Gi..4Gi" }),
        }
    }

    /// Returns what fills a slot; makes a provider where there is none.
    fn slot(&mut self, consumer: &str, component: &str, slot: &str) -> Option<Value> {
        let def = self.kit.catalogue.components.get(component)?.requires.get(slot)?.clone();
        let capability = self.dice.pick(&def.capabilities)?.clone();
        if capability == "bucket" {
            let count = if def.shape == SlotShape::List { 1 + self.dice.below(2) } else { 1 };
            let buckets: Option<Vec<Value>> = (0..count).map(|_| self.bucket(consumer).map(Value::from)).collect();
            let buckets = buckets?;
            return Some(if def.shape == SlotShape::List {
                Value::Array(buckets)
            } else {
                buckets.into_iter().next()?
            });
        }
        let provider = self.provider(consumer, &capability)?;
        let claim = match (capability.as_str(), self.dice.below(4)) {
            ("postgres", 0) => json!(format!("{provider}/warehouse")),
            ("postgres", 1) => {
                json!({ "from": provider, "database": "shared", "role": format!("r_{}", consumer.replace('-', "_")) })
            }
            ("kafka", 0) => json!({ "from": provider, "group": "readers" }),
            _ => json!(provider),
        };
        Some(match def.shape {
            SlotShape::Map => json!({ self.dice.word(&["lake", "mart"]): claim }),
            _ => claim,
        })
    }

    fn provider(&mut self, consumer: &str, capability: &str) -> Option<String> {
        let kit = self.kit;
        let own = self.instances.get(consumer).cloned();
        let offers = |uses: &String| kit.providers.get(capability).is_some_and(|all| all.contains(uses));
        let there: Vec<String> = self
            .instances
            .iter()
            .filter(|(name, uses)| *name != consumer && Some(*uses) != own.as_ref() && offers(uses))
            .map(|(name, _)| name.clone())
            .chain(self.externals.iter().filter(|(_, offered)| *offered == capability).map(|(name, _)| name.clone()))
            .collect();
        if self.dice.chance(80)
            && let Some(name) = self.dice.pick(&there)
        {
            return Some(name.clone());
        }
        let components: Vec<&String> =
            kit.providers.get(capability).into_iter().flatten().filter(|uses| Some(*uses) != own.as_ref()).collect();
        let externals = kit.externals.get(capability).map_or(&[][..], Vec::as_slice);
        if (components.is_empty() || self.dice.chance(25))
            && let Some(table) = self.dice.pick(externals).cloned()
            && !table.to_string().contains("${")
        {
            let name = format!("outer-{capability}");
            self.document.set(&["external", &name], table);
            self.externals.insert(name.clone(), capability.to_string());
            return Some(name);
        }
        let component = (*self.dice.pick(&components)?).clone();
        Some(self.component(&component))
    }

    fn bucket(&mut self, consumer: &str) -> Option<String> {
        let all: Vec<String> = self.document.table(&["buckets"]).keys().cloned().collect();
        if self.dice.chance(30)
            && let Some(name) = self.dice.pick(&all)
        {
            return Some(name.clone());
        }
        // One store holds all buckets: those of one slot must lie together.
        let stored =
            self.document.table(&["buckets"]).values().find_map(|b| b.get("store")?.as_str().map(String::from));
        let store = match stored {
            Some(store) => store,
            None => self.provider(consumer, "bucket")?,
        };
        self.buckets += 1;
        let name = format!("b{}", self.buckets);
        let mut table = json!({ "store": store });
        if self.dice.chance(30) {
            table["expire_days"] = json!(30);
        }
        self.document.set(&["buckets", &name], table);
        Some(name)
    }

    /// Draws what a layer changes of a component.
    pub fn changes(&mut self, component: &str) -> Table {
        let mut table = Table::new();
        let Some(definition) = self.kit.catalogue.components.get(component).cloned() else { return table };
        let options: Vec<&String> = definition.options.keys().collect();
        for _ in 0..=self.dice.below(2) {
            if let Some(option) = self.dice.pick(&options).map(|name| (*name).clone())
                && let Some(value) = self.option(component, &option, &definition.options[&option])
            {
                table.insert(option, value);
            }
        }
        if self.dice.chance(30)
            && let Some(pod) = definition.pods.keys().next()
        {
            table.insert("pods".into(), json!({ pod: self.pod() }));
        }
        if self.dice.chance(20)
            && let Some(shape) = definition.keys.keys.get("sync").map(|key| key.shape.clone())
            && let Some(value) = self.value(&shape, &["components", component, "sync"])
        {
            table.insert("sync".into(), value);
        }
        table
    }
}
