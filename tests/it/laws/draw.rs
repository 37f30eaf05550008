//! A random platform of a seed: components and what they need, tables of the whole language and layers.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::dice::Dice;
use super::document::{Document, Table};
use super::kit::Kit;

/// A platform on its way.
pub struct Draw<'k> {
    pub kit: &'k Kit,
    pub dice: Dice,
    pub document: Document,
    /// Instance → component.
    pub instances: BTreeMap<String, String>,
    pub externals: BTreeMap<String, String>,
    pub hosts: usize,
    pub buckets: usize,
}

/// Tables of the language that are drawn by their shape, with the chance of each.
const TABLES: &[(&str, usize)] = &[
    ("platform", 70),
    ("git", 50),
    ("argocd", 40),
    ("flux", 40),
    ("repositories", 15),
    ("placements", 25),
    ("namespaces", 25),
    ("projects", 25),
    ("images", 20),
    ("notify", 20),
    ("policy", 20),
];

/// Draws the platform of a seed.
pub fn draw(kit: &Kit, seed: u64) -> Document {
    let mut draw = Draw {
        kit,
        dice: Dice::new(seed),
        document: Document::default(),
        instances: BTreeMap::new(),
        externals: BTreeMap::new(),
        hosts: 0,
        buckets: 0,
    };
    draw.ground();
    for _ in 0..=draw.dice.below(4) {
        draw.goal();
    }
    for _ in 0..draw.dice.below(3) {
        draw.job();
    }
    draw.edges();
    draw.tables();
    draw.known_apis();
    draw.layers();
    draw.document
}

/// Draws a value for every key of the tables with fixed keys, as a layer could have them: (path below the layer, value).
pub fn changes(kit: &Kit, document: &Document, seed: u64) -> Vec<(Vec<String>, Value)> {
    let names = document.table(&["components"]);
    let uses = |name: &String, table: &Value| table.get("uses").and_then(Value::as_str).unwrap_or(name).to_string();
    let mut draw = Draw {
        kit,
        dice: Dice::new(seed),
        document: document.clone(),
        instances: names.iter().map(|(name, table)| (name.clone(), uses(name, table))).collect(),
        externals: BTreeMap::new(),
        hosts: 50,
        buckets: 50,
    };
    let mut all = Vec::new();
    for name in ["platform", "git", "argocd", "flux", "secrets", "images"] {
        let table = draw.language_table(name, 100).unwrap_or_default();
        all.extend(table.into_iter().map(|(key, value)| (vec![name.to_string(), key], value)));
    }
    for name in ["namespaces", "projects", "placements", "buckets", "edges", "external", "notify", "repositories"] {
        for entry in document.table(&[name]).keys() {
            let Some(Value::Object(table)) = draw.redrawn(name) else { continue };
            all.extend(table.into_iter().map(|(key, value)| (vec![name.to_string(), entry.clone(), key], value)));
        }
    }
    for (name, component) in draw.instances.clone() {
        let table = draw.changes(&component);
        all.extend(table.into_iter().map(|(key, value)| (vec!["components".to_string(), name.clone(), key], value)));
    }
    // Names that a layer changes besides: what is left out above because a platform cannot do without it.
    for (table, key, value) in [
        ("platform", "name", "other"),
        ("platform", "engine", "flux"),
        ("platform", "output", "manifests"),
        ("git", "url", "https://git.example.com/acme/second.git"),
    ] {
        all.push((vec![table.to_string(), key.to_string()], Value::from(value)));
    }
    all
}

impl Draw<'_> {
    fn ground(&mut self) {
        let engine = self.dice.word(&["argocd", "flux"]);
        self.document.set(&["lakegen"], "1");
        self.document.set(&["platform"], json!({ "name": "lake", "domain": "example.com", "engine": engine }));
        self.document.set(&["git", "url"], "https://git.example.com/acme/lake.git");
        self.document.set(&["components"], json!({}));
        let provider = self.dice.word(&[
            "vault",
            "vault",
            "vault",
            "onepassword",
            "aws",
            "gcp",
            "azure",
            "kubernetes",
            "sealed",
            "sops",
            "none",
        ]);
        let settings = match provider.as_str() {
            "vault" => json!({ "at": "https://vault.example.com", "mount": "kv", "role": "external-secrets" }),
            "onepassword" => {
                json!({ "at": "https://connect.example.com", "vault": "platform", "secret": "connect-token" })
            }
            "aws" => json!({ "region": "eu-central-1", "identity": "arn:aws:iam::123456789012:role/eso" }),
            "gcp" => json!({ "project": "acme-data", "identity": "eso@acme-data.iam.gserviceaccount.com" }),
            "azure" => {
                json!({ "vault": "acme-vault", "tenant": "0a1b2c3d-0000-4000-8000-000000000000", "identity": "0a1b2c3d-0000-4000-8000-000000000001" })
            }
            "sops" => json!({ "sops": { "age": ["age1ql3z7hjy54pw3hyww5ayyfg7zqgvc7w3j2elw8zmrj2kg5sfn9aqmcac8p"] } }),
            _ => json!({}),
        };
        let mut table = settings.as_object().cloned().unwrap_or_default();
        table.insert("provider".into(), Value::from(provider.as_str()));
        if self.dice.chance(20) {
            table.insert("generate".into(), json!(true));
        }
        if self.dice.chance(15) {
            table.insert("copy".into(), json!("reflector"));
        }
        if self.dice.chance(15) {
            table.insert("refresh".into(), json!("15m"));
        }
        self.document.set(&["secrets"], table);
        if !matches!(provider.as_str(), "sealed" | "sops" | "none") {
            self.component("external-secrets");
        }
    }

    fn tables(&mut self) {
        for (name, percent) in TABLES {
            let other = if self.engine() == "flux" { ["argocd", "projects"] } else { ["flux", ""] };
            if !self.dice.chance(*percent) || other.contains(name) {
                continue;
            }
            if let Some(table) = self.language_table(name, 30) {
                for (key, value) in table {
                    self.document.set(&[name, &key], value);
                }
            }
        }
        if self.dice.chance(60) {
            self.document.set(&["vars"], json!({ "zone": "eu", "count": 3, "both": "${vars.zone}-1" }));
        }
        if self.dice.chance(20) {
            let (key, value) = match self.dice.below(3) {
                0 => ("after", json!([])),
                1 => ("tier", json!("app")),
                _ => ("sync", json!({ "self_heal": false })),
            };
            self.document.set(&["defaults", key], value);
        }
    }

    /// Returns the engine's name.
    pub fn engine(&self) -> &str {
        self.document.at(&["platform", "engine"]).and_then(Value::as_str).unwrap_or_default()
    }

    /// Draws a table of the language; tables with free names get one or two entries.
    pub fn language_table(&mut self, name: &str, percent: usize) -> Option<Table> {
        let kit = self.kit;
        let shape = &kit.root.keys.get(name)?.shape;
        Some(match shape {
            lakegen::parse::shape::Shape::Table(keys) => self.table(keys, &[name], percent),
            lakegen::parse::shape::Shape::Map(_, of) => {
                let mut table = Table::new();
                for _ in 0..=self.dice.below(2) {
                    let key = self.entry_name(name);
                    if let Some(value) = self.value(of, &[name, &key]) {
                        table.insert(key, Self::completed(name, value));
                    }
                }
                table
            }
            _ => return None,
        })
    }

    fn entry_name(&mut self, table: &str) -> String {
        match table {
            "namespaces" => self.some_instance().unwrap_or_else(|| "tools".into()),
            "versions" => String::new(),
            _ => self.dice.word(&["one", "two", "team"]),
        }
    }

    /// Adds what an entry cannot do without.
    fn completed(table: &str, value: Value) -> Value {
        let Value::Object(mut entry) = value else { return value };
        let needs: &[(&str, &str)] = match table {
            "notify" => &[("kind", "slack"), ("channel", "lake"), ("secret", "notify/slack#token")],
            "repositories" => &[("url", "https://git.example.com/acme/other.git")],
            _ => &[],
        };
        for (key, text) in needs {
            entry.insert((*key).to_string(), Value::from(*text));
        }
        Value::Object(entry)
    }

    /// Makes an edge for the hosts that were drawn.
    fn edges(&mut self) {
        if self.hosts == 0 {
            return;
        }
        let count = 1 + self.dice.below(2);
        for index in 0..count {
            let name = ["web", "inside"][index];
            let edge = match self.dice.below(6) {
                0 => json!({ "kind": "gateway", "class": "cilium", "tls": { "issuer": "internal" } }),
                1 => json!({ "kind": "gateway", "name": "shared", "namespace": "gateways" }),
                2 => json!({ "kind": "traefik", "tls": { "secret": "edge-tls" } }),
                3 => json!({ "kind": "route", "tls": true }),
                4 => {
                    json!({ "kind": "ingress", "class": "nginx", "tls": { "issuer": "internal" }, "address": "192.0.2.10" })
                }
                _ => json!({ "kind": "ingress", "class": name }),
            };
            if edge.to_string().contains("internal") {
                self.component("cert-manager");
                self.document.set(
                    &["components", "cert-manager", "issuers"],
                    json!({ "internal": { "kind": "self-signed-ca" } }),
                );
            }
            self.document.set(&["edges", name], edge);
            for (key, value) in [("annotations", json!({ "acme.example.com/edge": name }))] {
                if self.dice.chance(20) {
                    self.document.set(&["edges", name, key], value);
                }
            }
        }
        if count > 1 {
            self.document.set(&["edges", "web", "default"], true);
        }
    }

    /// What the catalogue has no component for is there already.
    fn known_apis(&mut self) {
        let apis = json!([
            "gateway.networking.k8s.io/v1",
            "traefik.io/v1alpha1",
            "route.openshift.io/v1",
            "flink.apache.org/v1beta1"
        ]);
        let mut all = self.document.at(&["platform", "apis"]).and_then(Value::as_array).cloned().unwrap_or_default();
        all.extend(apis.as_array().cloned().unwrap_or_default());
        self.document.set(&["platform", "apis"], all);
    }

    /// Draws a host that nobody else has.
    pub fn host(&mut self) -> String {
        self.hosts += 1;
        let name = format!("h{}", self.hosts);
        match self.dice.below(6) {
            0 => format!("{name}.other.example.net"),
            1 => format!("web:{name}"),
            _ => name,
        }
    }

    /// Returns the name of an instance.
    pub fn some_instance(&mut self) -> Option<String> {
        let names: Vec<String> = self.instances.keys().cloned().collect();
        self.dice.pick(&names).cloned()
    }

    /// Draws environments, clusters and what differs there.
    fn layers(&mut self) {
        if self.dice.chance(25) {
            return;
        }
        let count = 1 + self.dice.below(3);
        let shared = self.dice.chance(25);
        for name in ["dev", "prod", "lab"].iter().take(count) {
            let mut layer = self.layer();
            if shared && count > 1 {
                // Two environments on one cluster keep apart by their namespaces.
                layer.insert("defaults".into(), json!({ "namespace": "${environment.name}-${component.name}" }));
            }
            let platform = layer.entry("platform").or_insert_with(|| json!({}));
            if let Some(platform) = platform.as_object_mut() {
                platform.insert("domain".into(), Value::from(format!("{name}.example.com")));
            }
            if shared && count > 1 {
                layer.insert("clusters".into(), json!(["common"]));
            } else if *name == "prod" && self.dice.chance(30) {
                layer.insert("clusters".into(), json!(["east", "west"]));
            }
            self.document.set(&["environments", name], layer);
        }
        let used: Vec<String> = ["common", "east", "west"]
            .map(String::from)
            .into_iter()
            .filter(|cluster| self.has_cluster(cluster))
            .collect();
        for (index, cluster) in used.iter().enumerate() {
            let mut layer = if self.dice.chance(50) { self.layer() } else { Table::new() };
            layer.insert("server".into(), Value::from(format!("https://10.{}.0.1", index + 1)));
            if cluster != "common" {
                layer.insert("platform".into(), json!({ "domain": format!("{cluster}.example.com") }));
            }
            self.document.set(&["clusters", cluster], layer);
        }
        if !used.is_empty() {
            for name in ["dev", "prod", "lab"].iter().take(count) {
                if self.document.at(&["environments", name, "clusters"]).is_none() {
                    self.document
                        .set(&["clusters", name], json!({ "server": format!("https://{name}.k8s.example.com") }));
                }
            }
        }
    }

    fn has_cluster(&self, name: &str) -> bool {
        let environments = self.document.table(&["environments"]);
        environments
            .values()
            .filter_map(|e| e.get("clusters"))
            .any(|list| list.to_string().contains(&format!("\"{name}\"")))
    }

    fn layer(&mut self) -> Table {
        let mut layer = Document::default();
        for _ in 0..self.dice.below(4) {
            let all: Vec<String> = self.document.root.keys().cloned().collect();
            let Some(name) = self.dice.pick(&all).cloned() else { break };
            match name.as_str() {
                "components" => self.layer_component(&mut layer),
                "argocd" | "flux" if name != self.engine() => {}
                "platform" | "git" | "argocd" | "flux" => {
                    if let Some(table) = self.language_table(&name, 15) {
                        table.into_iter().for_each(|(key, value)| layer.set(&[&name, &key], value));
                    }
                }
                "vars" => layer.set(&["vars", "zone"], self.dice.word(&["us", "ap"])),
                "namespaces" | "placements" | "projects" | "images" => {
                    // Entries that are there already, changed.
                    let entries: Vec<String> = self.document.table(&[&name]).keys().cloned().collect();
                    if let (Some(entry), Some(Value::Object(table))) =
                        (self.dice.pick(&entries).cloned(), self.redrawn(&name))
                    {
                        table.into_iter().for_each(|(key, value)| layer.set(&[&name, &entry, &key], value));
                    }
                }
                _ => {}
            }
        }
        layer.root
    }

    fn redrawn(&mut self, table: &str) -> Option<Value> {
        match &self.kit.root.keys.get(table)?.shape {
            lakegen::parse::shape::Shape::Map(_, of) => self.value(of, &[table, "one"]),
            _ => None,
        }
    }

    fn layer_component(&mut self, layer: &mut Document) {
        let Some(name) = self.some_instance() else { return };
        let component = self.instances[&name].clone();
        let table = self.changes(&component);
        table.into_iter().for_each(|(key, value)| layer.set(&["components", &name, &key], value));
    }
}
