//! Who waits for whom, and what is bound to what, as a picture: Mermaid, Graphviz or SVG.
//!
//! Comes in: a lowered target. Goes out: text in one of the formats. Of the waiting, only what is not implied by the rest is
//! drawn: when `c` waits for `b` and `b` for `a`, an arrow from `a` to `c` would say nothing new.

mod svg; // layers, crossings, coordinates

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use indexmap::IndexMap;

use crate::catalog::Portion;
use crate::lower::TargetManifests;
use crate::lower::UnitId;
use crate::lower::objects::namespaces;
use crate::resolve::{SlotBinding, Target};

pub use svg::svg;

/// The graph of one target.
#[derive(Clone, Debug, Default)]
pub struct Graph {
    /// Name of the target.
    pub title: String,
    pub nodes: Vec<Node>,
    pub edges: Vec<Edge>,
}

/// A unit, or something outside that is bound.
#[derive(Clone, Debug)]
pub struct Node {
    pub name: String,
    /// Nothing for what lies outside of the target.
    pub wave: Option<i64>,
    /// Whether it is a component's own unit, not its `crds` or `config` stage.
    pub main: bool,
    /// Slots with their providers, when wires are asked for.
    pub slots: Vec<(String, String)>,
}

/// An arrow: `to` waits for `from`, or uses it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Edge {
    pub from: usize,
    pub to: usize,
    /// The slots that are bound; empty for an order that no slot asks for.
    pub slots: Vec<String>,
}

/// Builds the graph of a target: the order, and with `wires` the bindings as well.
pub fn graph(target: &Target, lowered: &TargetManifests, wires: bool) -> Graph {
    let units: Vec<&UnitId> = lowered.order.units.keys().filter(|u| u.component != namespaces::UNIT).collect();
    let index: BTreeMap<&UnitId, usize> = units.iter().enumerate().map(|(i, u)| (*u, i)).collect();
    let nodes = units.iter().map(|unit| Node {
        name: unit.name(),
        wave: lowered.order.units.get(*unit).map(|place| place.wave),
        main: unit.part == Portion::Main,
        slots: vec![],
    });
    let mut graph = Graph { title: target.name.clone(), nodes: nodes.collect(), edges: vec![] };
    let before: Vec<BTreeSet<usize>> = units
        .iter()
        .map(|u| lowered.order.units[*u].after.keys().filter_map(|b| index.get(b).copied()).collect())
        .collect();
    let bound = if wires { graph.bind(target, &index) } else { IndexMap::new() };
    for (to, from) in reduced(&before) {
        if !bound.contains_key(&(from, to)) {
            graph.edges.push(Edge { from, to, slots: vec![] });
        }
    }
    graph.edges.extend(bound.into_iter().map(|((from, to), slots)| Edge { from, to, slots }));
    graph.edges.sort_by_key(|e| (e.to, e.from));
    graph
}

impl Graph {
    /// Gathers the bindings between nodes, and adds a node for every provider outside of the target.
    fn bind(&mut self, target: &Target, index: &BTreeMap<&UnitId, usize>) -> IndexMap<(usize, usize), Vec<String>> {
        let main = |name: &str| index.get(&UnitId { component: name.into(), part: Portion::Main }).copied();
        let mut outside: BTreeMap<String, usize> = BTreeMap::new();
        let mut bound: IndexMap<(usize, usize), Vec<String>> = IndexMap::new();
        for instance in target.instances.values() {
            let Some(to) = main(&instance.name) else { continue };
            for (slot, binding) in &instance.bindings {
                let each: Vec<(String, &str)> = match binding {
                    SlotBinding::Off | SlotBinding::Embedded => vec![],
                    SlotBinding::One(one) => vec![(slot.clone(), one.provider.as_str())],
                    SlotBinding::Map(map) => {
                        map.iter().map(|(key, one)| (format!("{slot}.{key}"), one.provider.as_str())).collect()
                    }
                };
                for (slot, provider) in each {
                    let from = main(provider).unwrap_or_else(|| {
                        *outside.entry(provider.to_string()).or_insert_with(|| {
                            self.nodes.push(Node { name: provider.into(), wave: None, main: false, slots: vec![] });
                            self.nodes.len() - 1
                        })
                    });
                    self.nodes[to].slots.push((slot.clone(), provider.into()));
                    if from != to {
                        bound.entry((from, to)).or_default().push(slot);
                    }
                }
            }
        }
        bound
    }
}

/// Returns the edges (node, what it waits for) that no other path implies.
fn reduced(before: &[BTreeSet<usize>]) -> Vec<(usize, usize)> {
    // Units come in the order of coming up, so what a unit waits for stands before it.
    let mut all: Vec<BTreeSet<usize>> = Vec::with_capacity(before.len());
    let mut edges = Vec::new();
    for (node, direct) in before.iter().enumerate() {
        let implied: BTreeSet<usize> = direct.iter().filter_map(|d| all.get(*d)).flatten().copied().collect();
        edges.extend(direct.iter().filter(|d| !implied.contains(*d)).map(|d| (node, *d)));
        all.push(implied.union(direct).copied().collect());
    }
    edges
}

/// Returns the names of nodes by wave; what lies outside comes first.
fn layers(graph: &Graph) -> BTreeMap<Option<i64>, Vec<usize>> {
    let mut layers: BTreeMap<Option<i64>, Vec<usize>> = BTreeMap::new();
    for (index, node) in graph.nodes.iter().enumerate() {
        layers.entry(node.wave).or_default().push(index);
    }
    layers
}

fn wave_title(wave: Option<i64>) -> String {
    wave.map_or_else(|| "outside".into(), |wave| format!("wave {wave}"))
}

/// Writes the graphs as Mermaid.
pub fn mermaid(graphs: &[Graph]) -> String {
    // Mermaid's own entity form: mermaid.js.org/syntax/flowchart.html, "Entity codes to escape characters".
    let quoted = |text: &str| {
        let inert: String = text
            .chars()
            .map(|c| match c {
                c if c.is_ascii_alphanumeric() || " -_./,".contains(c) => c.to_string(),
                c => format!("#{};", u32::from(c)),
            })
            .collect();
        format!("\"{inert}\"")
    };
    let mut out = String::from("flowchart TB\n");
    let mut line = |text: String| writeln!(out, "{text}").expect("a string takes all");
    for (number, graph) in graphs.iter().enumerate() {
        let id = |node: usize| format!("t{number}n{node}");
        let inner = if graphs.len() > 1 { "  " } else { "" };
        if graphs.len() > 1 {
            line(format!("  subgraph t{number}[{}]", quoted(&graph.title)));
        }
        for (place, (wave, nodes)) in layers(graph).into_iter().enumerate() {
            line(format!("{inner}  subgraph t{number}w{place}[{}]", quoted(&wave_title(wave))));
            for node in nodes {
                let name = quoted(&graph.nodes[node].name);
                line(match wave {
                    None => format!("{inner}    {}([{name}])", id(node)),
                    Some(_) => format!("{inner}    {}[{name}]", id(node)),
                });
            }
            line(format!("{inner}  end"));
        }
        let wired = graph.edges.iter().any(|e| !e.slots.is_empty());
        for edge in &graph.edges {
            let arrow = match (edge.slots.is_empty(), wired) {
                (true, true) => "-.->".to_string(),
                (true, false) => "-->".to_string(),
                (false, _) => format!("-->|{}|", quoted(&edge.slots.join(", "))),
            };
            line(format!("{inner}  {} {arrow} {}", id(edge.from), id(edge.to)));
        }
        if graphs.len() > 1 {
            line("  end".into());
        }
    }
    out
}

/// Writes the graphs for Graphviz.
pub fn dot(name: &str, graphs: &[Graph]) -> String {
    // A double-quoted string of the DOT language only escapes the quote; a backslash starts Graphviz's own escapes.
    let quoted = |text: &str| {
        let text = crate::diag::escape::line(text).replace('\\', "\\\\").replace('"', "\\\"");
        format!("\"{text}\"")
    };
    let mut out = String::new();
    let mut line = |text: String| writeln!(out, "{text}").expect("a string takes all");
    line(format!("digraph {} {{", quoted(name)));
    line("  rankdir=TB;".into());
    line("  node [shape=box, style=rounded, fontname=\"sans-serif\"];".into());
    line("  edge [fontname=\"sans-serif\", fontsize=10];".into());
    for (number, graph) in graphs.iter().enumerate() {
        let id = |node: usize| quoted(&format!("{}/{}", graph.title, graph.nodes[node].name));
        line(format!("  subgraph cluster_{number} {{"));
        line(format!("    label={};", quoted(&graph.title)));
        for (wave, nodes) in layers(graph) {
            line(format!("    {{ rank=same; // {}", wave_title(wave)));
            for node in nodes {
                let one = &graph.nodes[node];
                let style = match (one.wave, one.main) {
                    (None, _) => ", style=\"rounded,dashed\"",
                    (Some(_), false) => ", color=gray50",
                    (Some(_), true) => "",
                };
                line(format!("      {} [label={}{style}];", id(node), quoted(&one.name)));
            }
            line("    }".into());
        }
        let wired = graph.edges.iter().any(|e| !e.slots.is_empty());
        for edge in &graph.edges {
            let style = match (edge.slots.is_empty(), wired) {
                (true, true) => " [style=dashed, color=gray50]".to_string(),
                (true, false) => String::new(),
                (false, _) => format!(" [label={}]", quoted(&edge.slots.join(", "))),
            };
            line(format!("    {} -> {}{style};", id(edge.from), id(edge.to)));
        }
        line("  }".into());
    }
    line("}".into());
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn node(name: &str, wave: i64) -> Node {
        Node { name: name.into(), wave: Some(wave), main: true, slots: vec![] }
    }

    fn hostile() -> Graph {
        let edge = Edge { from: 0, to: 1, slots: vec!["a|b".into()] };
        Graph { title: "t".into(), nodes: vec![node("a\"]; x", 1), node("<b>&\\", 10)], edges: vec![edge] }
    }

    #[test]
    fn implied_edges_are_left_out() {
        let before = [BTreeSet::new(), BTreeSet::from([0]), BTreeSet::from([0, 1]), BTreeSet::from([0, 2])];
        assert_eq!(reduced(&before), [(1, 0), (2, 1), (3, 2)]);
    }

    #[test]
    fn no_name_leaves_its_quotes() {
        let graphs = [hostile()];
        let text = mermaid(&graphs);
        assert!(text.contains("t0n0[\"a#34;#93;#59; x\"]"), "{text}");
        assert!(text.contains("-->|\"a#124;b\"|"), "{text}");
        let text = dot("p", &graphs);
        assert!(text.contains(r#"[label="a\"]; x"]"#) && text.contains(r#""<b>&\\""#), "{text}");
        let text = svg("p", &graphs);
        assert!(text.contains("&lt;b&gt;&amp;\\") && !text.contains("<b>"), "{text}");
    }

    #[test]
    fn the_same_graph_gives_the_same_bytes() {
        let graphs = [hostile(), hostile()];
        assert_eq!(svg("p", &graphs), svg("p", &graphs));
    }
}
