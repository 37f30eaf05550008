//! Who hears what: Providers with Alerts from `[notify]`, and the Receiver of push events.

use std::sync::Arc;

use super::super::Writer;
use super::super::layout::kustomization;
use super::Flux;
use crate::lower::UnitId;
use crate::manifest::value::object;
use crate::manifest::value::{Map, Value};
use crate::resolve::flux::{name, root, secret};
use crate::settings::engines::{Event, Notify, NotifyKind, Webhook};
use crate::settings::group::matches;

const API: &str = "notification.toolkit.fluxcd.io/v1beta3";

impl Flux<'_> {
    /// Writes the folder; says whether there is anything in it.
    pub fn notifications(&self, folder: &str, writer: &mut Writer) -> bool {
        let mut files = Vec::new();
        let mut add = |file: String, value: &Value| {
            writer.yaml(format!("{folder}/{file}"), value);
            files.push(file);
        };
        for (entry, table) in &self.target.settings.notify {
            if let Some(provider) = self.provider(entry, table) {
                add(format!("provider-{entry}.yaml"), &provider);
                add(format!("alert-{entry}.yaml"), &self.alert(entry, table));
            }
        }
        if let Some(webhook) = &self.settings().webhook {
            add("receiver.yaml".into(), &self.receiver(webhook));
        }
        if files.is_empty() {
            return false;
        }
        files.sort();
        writer.yaml(format!("{folder}/kustomization.yaml"), &kustomization(files, vec![], vec![]));
        true
    }

    /// Returns who is told (fluxcd.io/flux/components/notification/providers).
    fn provider(&self, entry: &str, notify: &Notify) -> Option<Value> {
        let url = notify.url.as_deref();
        let (kind, address) = match notify.kind {
            // With a bot's token Slack's API takes the message, and the channel is said.
            NotifyKind::Slack => ("slack", Some(url.unwrap_or("https://slack.com/api/chat.postMessage").to_string())),
            NotifyKind::Teams => ("msteams", url.map(String::from)),
            // The status goes to the commit in the repository that Flux reads.
            NotifyKind::Github => {
                ("github", Some(super::sources::git_url(&self.target.settings.git.url).trim_end_matches(".git").into()))
            }
            NotifyKind::Webhook => ("generic", url.map(String::from)),
            NotifyKind::Email => return None,
        };
        let mut spec = Map::from_iter([(Arc::from("type"), Value::from(kind))]);
        if let Some(channel) = &notify.channel {
            spec.insert("channel".into(), Value::from(channel));
        }
        if let Some(address) = address {
            spec.insert("address".into(), Value::from(address));
        }
        if notify.secret.is_some() {
            spec.insert("secretRef".into(), object([("name", Value::from(secret::notify(self.target, entry)))]));
        }
        Some(self.notification(API, "Provider", &name(self.target, entry), spec))
    }

    fn notification(&self, api: &str, kind: &str, name: &str, spec: Map) -> Value {
        object([
            ("apiVersion", Value::from(api)),
            ("kind", Value::from(kind)),
            ("metadata", self.metadata(name)),
            ("spec", Value::Map(spec)),
        ])
    }

    fn alert(&self, entry: &str, notify: &Notify) -> Value {
        let members = &notify.members;
        // What is deployed is an event of level `info`, which says what failed too.
        let severity = if notify.on.contains(&Event::Deployed) { "info" } else { "error" };
        let mut sources = Vec::new();
        let mut source = |kind: &str, name: String, labels: bool| {
            let mut map = Map::from_iter([(Arc::from("kind"), Value::from(kind)), ("name".into(), Value::from(name))]);
            if labels {
                let label = Map::from_iter([(Arc::from("lakegen.dev/target"), Value::from(self.target.name.as_str()))]);
                map.insert("matchLabels".into(), Value::Map(label));
            }
            sources.push(Value::Map(map));
        };
        if members.is_empty() {
            for kind in ["Kustomization", "HelmRelease"] {
                source(kind, "*".into(), true);
            }
            source("GitRepository", root(self.target), false);
        } else {
            for (unit, place) in &self.lowered.order.units {
                if !matches(members, &unit.component) {
                    continue;
                }
                for step in self.steps(unit, place, &mut super::sources::Sources::default()) {
                    source("Kustomization", name(self.target, &step.name), false);
                }
                if self.chart_of(unit).is_some() {
                    source("HelmRelease", name(self.target, &UnitId::name(unit)), false);
                }
            }
        }
        let spec = Map::from_iter([
            (Arc::from("providerRef"), object([("name", Value::from(name(self.target, entry)))])),
            ("eventSeverity".into(), Value::from(severity)),
            ("eventSources".into(), Value::List(sources)),
            ("summary".into(), Value::from(format!("{} in {}", self.target.ground().name, self.target.name))),
        ]);
        self.notification(API, "Alert", &name(self.target, entry), spec)
    }

    /// Returns what takes push events (fluxcd.io/flux/components/notification/receivers).
    fn receiver(&self, webhook: &Webhook) -> Value {
        let kind = webhook.kind.as_str();
        let events = match kind {
            "github" => Some(vec!["ping", "push"]),
            "gitlab" => Some(vec!["Push Hook", "Tag Push Hook"]),
            "bitbucket" => Some(vec!["repo:refs_changed"]),
            _ => None,
        };
        let token = webhook.existing.as_ref().map_or_else(|| secret::webhook(self.target), String::from);
        let own = object([("kind", Value::from("GitRepository")), ("name", Value::from(root(self.target)))]);
        let mut spec = Map::from_iter([(Arc::from("type"), Value::from(kind))]);
        if let Some(events) = events {
            spec.insert("events".into(), Value::from(events));
        }
        spec.insert("secretRef".into(), object([("name", Value::from(token))]));
        spec.insert("resources".into(), Value::List(vec![own]));
        self.notification("notification.toolkit.fluxcd.io/v1", "Receiver", &root(self.target), spec)
    }
}
