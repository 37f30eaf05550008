//! PLATFORM.md: what a person needs to know and do; and the DNS lists.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use super::{Writer, secrets};
use crate::catalog::Portion;
use crate::diag::quoted_list;
use crate::lower::{Dns, Manifests, TargetManifests};
use crate::resolve::flux::{NAMESPACE, root};
use crate::resolve::{Engine, Platform, Target};

/// Writes the guide, and a DNS list per target where addresses are known.
pub fn write(platform: &Platform, manifests: &Manifests, writer: &mut Writer) {
    let mut text = String::new();
    line(
        &mut text,
        format_args!(
            "# Platform {}\n\nWritten by lakegen from `platform.toml`; edit that file, not this one. Engine: {}.",
            platform.name,
            platform.engine.name()
        ),
    );
    for (target, lowered) in platform.targets.iter().zip(&manifests.targets) {
        line(&mut text, format_args!("\n## {}", target.name));
        whereabouts(&mut text, platform, target);
        if platform.engine == Engine::Flux {
            coming_up(&mut text, platform, target);
        }
        components(&mut text, target, lowered);
        hosts(&mut text, lowered);
        secrets(&mut text, target, lowered);
        steps(&mut text, lowered);
        graph(&mut text, lowered);
        if !lowered.dns.is_empty() && lowered.dns.values().flat_map(BTreeMap::values).any(Option::is_some) {
            writer.file(format!("dns/{}.txt", target.name), dns_list(&lowered.dns));
        }
    }
    writer.file("PLATFORM.md", text);
}

/// Says which cluster a target is on, and who else is there; nothing where the file names no environments and no clusters.
fn whereabouts(text: &mut String, platform: &Platform, target: &Target) {
    let cluster = &target.cluster;
    if target.environment == "default" && cluster == "default" {
        return;
    }
    let beside = |other: &&Target| other.cluster == *cluster && !other.is_shared && other.name != target.name;
    let others: Vec<&str> = platform.targets.iter().filter(beside).map(|other| other.environment.as_str()).collect();
    let others = quoted_list(others, "and");
    match (target.is_shared, others.is_empty()) {
        (true, _) => line(text, format_args!("\nThe shared part of {others} on cluster `{cluster}`.")),
        (false, true) if target.environment == "default" => line(text, format_args!("\nCluster `{cluster}`.")),
        (false, true) => {
            line(text, format_args!("\nEnvironment `{}`, on its own cluster `{cluster}`.", target.environment));
        }
        (false, false) => {
            line(
                text,
                format_args!("\nEnvironment `{}`, on cluster `{cluster}`, shared with {others}.", target.environment),
            );
        }
    }
}

/// Says how Flux brings the platform up, and where one looks.
fn coming_up(text: &mut String, platform: &Platform, target: &Target) {
    let (name, folder) = (root(target), &target.name);
    let first = platform.shared_of(target).map(|shared| &shared.name);
    let first = first.map_or_else(String::new, |shared| format!(" after `{shared}`, which it shares the cluster with"));
    line(
        text,
        format_args!(
            "\nThe first rollout is described in [bootstrap/{folder}/README.md](bootstrap/{folder}/README.md){first}. Then the Kustomization `{name}`\nin `{NAMESPACE}` starts the others, each once its dependencies are ready; one that waits for a manual step\nretries by itself: `flux get kustomizations --status-selector ready=false` shows what is still waiting."
        ),
    );
}

fn line(text: &mut String, arguments: std::fmt::Arguments<'_>) {
    writeln!(text, "{arguments}").expect("a string takes all");
}

/// Returns the list `<host> → <address>`; a host whose address is not known says so. A host of several edges has a line
/// for each, with the edge's name: which line counts depends on who asks.
pub fn dns_list(dns: &Dns) -> String {
    let width = dns.keys().map(|host| host.chars().count()).max().unwrap_or(0);
    let line = |host: &str, edge: Option<&str>, address: Option<&String>| {
        let address = address.map_or("(address not known)", String::as_str);
        let edge = edge.map_or(String::new(), |edge| format!(" ({edge})"));
        format!("{host:width$} → {address}{edge}\n")
    };
    let lines = dns.iter().flat_map(|(host, edges)| {
        edges
            .iter()
            .map(move |(edge, address)| line(host, (edges.len() > 1).then_some(edge.as_str()), address.as_ref()))
    });
    lines.collect()
}

/// Keeps text inside of a table cell and out of Markdown's syntax.
fn cell(text: &str) -> String {
    crate::diag::escape::line(text).replace('|', "\\|").replace('<', "&lt;")
}

fn components(text: &mut String, target: &Target, lowered: &TargetManifests) {
    line(
        text,
        format_args!(
            "\n### Components, in startup order\n\n| wave | unit | namespace | chart | waits for |\n|---|---|---|---|---|"
        ),
    );
    for (unit, place) in &lowered.order.units {
        let instance = target.instances.get(&unit.component);
        let chart = instance.and_then(|instance| match unit.part {
            Portion::Main => instance.chart.as_ref(),
            Portion::Crds => instance.crds.as_ref(),
            Portion::Config => None,
        });
        let chart = chart.map_or_else(String::new, |c| format!("{} {}", c.name, c.version));
        let namespace = instance.map_or("", |i| i.namespace.as_str());
        let after: Vec<String> = place
            .after
            .keys()
            .filter(|u| u.component != crate::lower::objects::namespaces::UNIT)
            .map(crate::lower::UnitId::name)
            .collect();
        line(
            text,
            format_args!(
                "| {} | {} | {} | {} | {} |",
                place.wave,
                unit.name(),
                namespace,
                cell(&chart),
                after.join(", ")
            ),
        );
    }
}

fn hosts(text: &mut String, lowered: &TargetManifests) {
    if lowered.dns.is_empty() {
        return;
    }
    line(text, format_args!("\n### Hosts\n\n| host | address |\n|---|---|"));
    for (host, edges) in &lowered.dns {
        for (edge, address) in edges {
            let edge = if edges.len() > 1 { format!(" ({edge})") } else { String::new() };
            let address = address.as_deref().unwrap_or("assigned by the edge");
            line(text, format_args!("| {} | {address}{edge} |", cell(host)));
        }
    }
}

fn secrets(text: &mut String, target: &Target, lowered: &TargetManifests) {
    let list = secrets::list(target, lowered);
    if !list.items.is_empty() {
        line(
            text,
            format_args!(
                "\n### Secrets to create\n\nThese items must exist in the secret store `{}` ({}). Values never pass through lakegen; `lakegen secrets --format commands` prints commands that prompt for them.\n\n| item | properties | read by | how |\n|---|---|---|---|",
                list.store, list.provider
            ),
        );
        for item in &list.items {
            let properties: Vec<String> = item
                .properties
                .iter()
                .map(|(p, _)| if p.is_empty() { "(the whole item)".into() } else { format!("`{}`", cell(p)) })
                .collect();
            let mut how = cell(&item.how);
            if item.precious {
                how = format!("**precious**: losing it means losing data. {how}");
            }
            let readers = item.readers().into_iter().collect::<Vec<_>>().join(", ");
            line(text, format_args!("| `{}` | {} | {readers} | {how} |", cell(item.name), properties.join(", ")));
        }
    }
    if !list.written.is_empty() {
        line(
            text,
            format_args!(
                "\n### Generated secrets\n\nThe cluster generates these once and writes them to the store `{}`; existing values are never overwritten.\n\n| item | properties | read by |\n|---|---|---|",
                list.store
            ),
        );
        for (item, properties, readers) in &list.written {
            let properties = properties.iter().map(|p| format!("`{}`", cell(p))).collect::<Vec<_>>().join(", ");
            let readers = readers.iter().copied().collect::<Vec<_>>().join(", ");
            line(text, format_args!("| `{}` | {properties} | {readers} |", cell(item)));
        }
    }
    if !list.kept.is_empty() {
        line(
            text,
            format_args!(
                "\n### Secrets to create in the cluster\n\nThese Secrets must exist in the cluster before their components start.\n\n| namespace | Secret | keys | labels and annotations |\n|---|---|---|---|"
            ),
        );
        for (namespace, name, kept) in &list.kept {
            let keys = kept.keys.keys().map(|k| format!("`{}`", cell(k))).collect::<Vec<_>>().join(", ");
            let marks = kept.labels.iter().chain(&kept.annotations);
            let marks = marks.map(|(k, v)| format!("`{}: {}`", cell(k), cell(v))).collect::<Vec<_>>().join(", ");
            let kind = match kept.kind.as_str() {
                "" | "Opaque" => String::new(),
                kind => format!(" (`{}`)", cell(kind)),
            };
            line(text, format_args!("| {namespace} | {name}{kind} | {keys} | {marks} |"));
        }
    }
}

fn steps(text: &mut String, lowered: &TargetManifests) {
    let general = lowered.steps.iter().map(|(about, note)| (about, note));
    let units = lowered.components.iter().flat_map(|(name, unit)| unit.notes.iter().map(move |note| (name, note)));
    let notes: Vec<(&String, &String)> = general.chain(units).collect();
    if notes.is_empty() {
        return;
    }
    line(text, format_args!("\n### Manual steps\n"));
    for (name, note) in notes {
        line(text, format_args!("- **{name}**: {note}"));
    }
}

fn graph(text: &mut String, lowered: &TargetManifests) {
    line(text, format_args!("\n### Dependencies\n\n```mermaid\nflowchart LR"));
    for (unit, place) in &lowered.order.units {
        for before in place.after.keys().filter(|u| u.component != crate::lower::objects::namespaces::UNIT) {
            line(text, format_args!("  {} --> {}", before.name(), unit.name()));
        }
    }
    line(text, format_args!("```"));
}
