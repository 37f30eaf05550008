//! The graph as SVG: one row per wave, few crossings, straight long arrows. No program and no font metrics are needed.
//!
//! The method is Sugiyama's: an arrow over several rows gets a place in each row that it passes, rows are sorted by the
//! middle of their neighbours, and places are moved under their neighbours as far as those beside them allow. All sums are
//! done in a fixed order and rounded to tenths, so the same graph gives the same bytes.

use std::fmt::Write as _;

use super::{Graph, layers, wave_title};

/// Pixels that a character of the fonts in use is wide at most, at 13 and 11 pixels.
const WIDE: f64 = 7.6;
const SMALL: f64 = 6.4;
const PAD: f64 = 12.0;
const GAP: f64 = 22.0;
const TITLE: f64 = 22.0;
const SLOT: f64 = 15.0;
const BETWEEN: f64 = 56.0;
const LEFT: f64 = 86.0;
/// Rounds of sorting and of moving; more change nothing on platforms of two hundred units.
const ROUNDS: usize = 12;

/// A node, or the place of an arrow in a row that it passes.
struct Place {
    node: Option<usize>,
    row: usize,
    width: f64,
    height: f64,
    /// Middle.
    x: f64,
    /// Places in the row above and in the row below.
    up: Vec<usize>,
    down: Vec<usize>,
}

/// An arrow with the places that it goes through, from top to bottom.
struct Arrow {
    edge: usize,
    through: Vec<usize>,
    /// Whether its head is at the top end.
    upward: bool,
}

struct Layout<'a> {
    graph: &'a Graph,
    places: Vec<Place>,
    rows: Vec<Vec<usize>>,
    titles: Vec<String>,
    arrows: Vec<Arrow>,
}

/// Writes the graphs as one SVG, one below the other.
pub fn svg(name: &str, graphs: &[Graph]) -> String {
    let mut body = String::new();
    let (mut width, mut y) = (320.0_f64, 16.0);
    for graph in graphs {
        let mut layout = Layout::new(graph);
        layout.sort();
        layout.spread();
        y += 20.0;
        let title = format!("{name}: {}", graph.title);
        writeln!(body, "<text class=\"title\" x=\"16\" y=\"{}\">{}</text>", tenths(y), escaped(&title))
            .expect("a string takes all");
        y += 16.0;
        let (right, bottom) = layout.draw(y, &mut body);
        width = width.max(right).max(16.0 + 9.0 * count(title.chars().count()));
        y = bottom + 16.0;
    }
    let (width, height) = (tenths(width + 16.0), tenths(y));
    let bands = body.replace("{width}", &width);
    format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{width}\" height=\"{height}\" viewBox=\"0 0 {width} {height}\">\n\
         <title>{}</title>\n<style>\n{STYLE}</style>\n\
         <defs><marker id=\"head\" viewBox=\"0 0 8 8\" refX=\"7\" refY=\"4\" markerWidth=\"7\" markerHeight=\"7\" \
         orient=\"auto-start-reverse\"><path d=\"M0 0.8L8 4L0 7.2z\" fill=\"#57606a\"/></marker></defs>\n\
         <rect width=\"{width}\" height=\"{height}\" fill=\"#ffffff\"/>\n{bands}</svg>\n",
        escaped(name)
    )
}

const STYLE: &str = "text{font-family:system-ui,'DejaVu Sans',sans-serif;font-size:13px;fill:#1f2328}\n\
    .title{font-size:16px;font-weight:600}\n.wave{font-size:11px;fill:#57606a}\n.slot{font-size:11px;fill:#57606a}\n\
    .band{fill:#f6f8fa}\n.unit{fill:#ffffff;stroke:#0969da;stroke-width:1.2}\n\
    .part{fill:#ffffff;stroke:#8c959f}\n.outside{fill:#fff8e5;stroke:#9a6700;stroke-dasharray:4 3}\n\
    .waits,.uses{fill:none;stroke:#8c959f;stroke-width:1.1}\n.uses{stroke:#0969da}\n.also{stroke-dasharray:4 3}\n";

/// Keeps text out of XML's syntax; what XML does not take at all is shown as text.
fn escaped(text: &str) -> String {
    crate::diag::escape::line(text)
        .replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
        .replace('"', "&quot;")
}

fn tenths(number: f64) -> String {
    let text = format!("{number:.1}");
    text.strip_suffix(".0").map_or(text.clone(), str::to_string)
}

#[allow(clippy::cast_precision_loss, reason = "counts of characters and units are small")]
fn count(n: usize) -> f64 {
    n as f64
}

impl<'a> Layout<'a> {
    fn new(graph: &'a Graph) -> Self {
        let mut layout = Self { graph, places: vec![], rows: vec![], titles: vec![], arrows: vec![] };
        let mut of_node = vec![0; graph.nodes.len()];
        for (row, (wave, nodes)) in layers(graph).into_iter().enumerate() {
            layout.rows.push(vec![]);
            layout.titles.push(wave_title(wave));
            for node in nodes {
                of_node[node] = layout.place(Some(node), row);
            }
        }
        for (index, edge) in graph.edges.iter().enumerate() {
            let (from, to) = (of_node[edge.from], of_node[edge.to]);
            let upward = layout.places[from].row > layout.places[to].row;
            let (top, bottom) = if upward { (to, from) } else { (from, to) };
            let mut through = vec![top];
            for row in layout.places[top].row + 1..layout.places[bottom].row {
                through.push(layout.place(None, row));
            }
            through.push(bottom);
            for pair in through.windows(2) {
                if layout.places[pair[0]].row < layout.places[pair[1]].row {
                    layout.places[pair[0]].down.push(pair[1]);
                    layout.places[pair[1]].up.push(pair[0]);
                }
            }
            layout.arrows.push(Arrow { edge: index, through, upward });
        }
        layout
    }

    fn place(&mut self, node: Option<usize>, row: usize) -> usize {
        let (width, height) = match node.map(|n| &self.graph.nodes[n]) {
            None => (8.0, TITLE),
            Some(node) => {
                let slots = node.slots.iter().map(|(s, p)| SMALL * count(s.chars().count() + p.chars().count() + 3));
                let name = WIDE * count(node.name.chars().count());
                (slots.fold(name, f64::max) + 2.0 * PAD, TITLE + 8.0 + SLOT * count(node.slots.len()))
            }
        };
        self.places.push(Place { node, row, width, height, x: 0.0, up: vec![], down: vec![] });
        let index = self.places.len() - 1;
        self.rows[row].push(index);
        index
    }

    /// Sorts the rows so that few arrows cross: sweeps down and up, and keeps the best order that was met.
    fn sort(&mut self) {
        let mut best = (self.crossings(), self.rows.clone());
        for round in 0..ROUNDS {
            let down = round % 2 == 0;
            let order: Vec<usize> = if down {
                (1..self.rows.len()).collect()
            } else {
                (0..self.rows.len().saturating_sub(1)).rev().collect()
            };
            for row in order {
                let beside = if down { &self.rows[row - 1] } else { &self.rows[row + 1] };
                let mut position = vec![0.0; self.places.len()];
                for (index, place) in beside.iter().enumerate() {
                    position[*place] = (count(index) + 0.5) / count(beside.len());
                }
                let middle = |(index, place): (usize, &usize)| {
                    let near = if down { &self.places[*place].up } else { &self.places[*place].down };
                    let own = (count(index) + 0.5) / count(self.rows[row].len());
                    let sum: f64 = near.iter().map(|n| position[*n]).sum();
                    if near.is_empty() { own } else { sum / count(near.len()) }
                };
                let mut keyed: Vec<(f64, usize)> =
                    self.rows[row].iter().enumerate().map(|one| (middle(one), *one.1)).collect();
                keyed.sort_by(|a, b| a.0.total_cmp(&b.0));
                self.rows[row] = keyed.into_iter().map(|(_, place)| place).collect();
            }
            let crossings = self.crossings();
            if crossings < best.0 {
                best = (crossings, self.rows.clone());
            }
        }
        self.rows = best.1;
    }

    fn crossings(&self) -> usize {
        let mut position = vec![0; self.places.len()];
        for row in &self.rows {
            for (index, place) in row.iter().enumerate() {
                position[*place] = index;
            }
        }
        let mut crossings = 0;
        for row in &self.rows {
            let pairs: Vec<(usize, usize)> =
                row.iter().flat_map(|p| self.places[*p].down.iter().map(|d| (position[*p], position[*d]))).collect();
            for (index, a) in pairs.iter().enumerate() {
                crossings +=
                    pairs[index + 1..].iter().filter(|b| (a.0 < b.0 && a.1 > b.1) || (a.0 > b.0 && a.1 < b.1)).count();
            }
        }
        crossings
    }

    /// Gives every place its middle.
    fn spread(&mut self) {
        for row in &self.rows {
            let mut x = 0.0;
            for place in row {
                self.places[*place].x = x + self.places[*place].width / 2.0;
                x += self.places[*place].width + GAP;
            }
        }
        for round in 0..2 * ROUNDS {
            let order: Vec<usize> =
                if round % 2 == 0 { (0..self.rows.len()).collect() } else { (0..self.rows.len()).rev().collect() };
            for row in order {
                self.settle(row);
            }
        }
        let left = self.places.iter().map(|p| p.x - p.width / 2.0).fold(f64::INFINITY, f64::min);
        for place in &mut self.places {
            place.x += LEFT - left;
        }
    }

    /// Moves a row's places under (or over) their neighbours, in order and without overlap: the least squares of such a
    /// row are found by joining neighbours that want to pass each other.
    fn settle(&mut self, row: usize) {
        struct Block {
            want: f64,
            weight: f64,
            members: Vec<usize>,
        }
        let mut offset = 0.0;
        let mut offsets = Vec::new();
        let mut blocks: Vec<Block> = Vec::new();
        for (index, place) in self.rows[row].iter().enumerate() {
            let one = &self.places[*place];
            if index > 0 {
                offset += f64::midpoint(self.places[self.rows[row][index - 1]].width, one.width) + GAP;
            }
            offsets.push(offset);
            let near: Vec<f64> = one.up.iter().chain(&one.down).map(|n| self.places[*n].x).collect();
            let want = if near.is_empty() { one.x } else { near.iter().sum::<f64>() / count(near.len()) };
            // A long arrow pulls harder, so that it becomes straight.
            let weight = if one.node.is_none() { 4.0 } else { 1.0 };
            blocks.push(Block { want: want - offset, weight, members: vec![index] });
            while blocks.len() > 1 && blocks[blocks.len() - 2].want >= blocks[blocks.len() - 1].want {
                let last = blocks.pop().expect("there are two");
                let before = blocks.last_mut().expect("there are two");
                let weight = before.weight + last.weight;
                before.want = (before.want * before.weight + last.want * last.weight) / weight;
                before.weight = weight;
                before.members.extend(last.members);
            }
        }
        for block in blocks {
            for member in block.members {
                let place = self.rows[row][member];
                self.places[place].x = block.want + offsets[member];
            }
        }
    }

    /// Draws everything below `top`; returns the right and the bottom end.
    fn draw(&self, top: f64, out: &mut String) -> (f64, f64) {
        let mut line = |text: String| writeln!(out, "{text}").expect("a string takes all");
        let mut tops = Vec::new();
        let mut y = top + 12.0;
        for row in &self.rows {
            let height = row.iter().map(|p| self.places[*p].height).fold(TITLE, f64::max);
            tops.push((y, height));
            y += height + BETWEEN;
        }
        let bottom = y - BETWEEN + 12.0;
        for ((y, height), title) in tops.iter().zip(&self.titles) {
            let (band, text) = (tenths(y - 10.0), tenths(y + height / 2.0 + 4.0));
            line(format!(
                "<rect class=\"band\" x=\"0\" y=\"{band}\" width=\"{{width}}\" height=\"{}\"/>",
                tenths(height + 20.0)
            ));
            line(format!("<text class=\"wave\" x=\"16\" y=\"{text}\">{title}</text>"));
        }
        let wired = self.graph.edges.iter().any(|e| !e.slots.is_empty());
        for arrow in &self.arrows {
            line(self.arrow(arrow, &tops, wired));
        }
        for place in &self.places {
            let Some(node) = place.node.map(|n| &self.graph.nodes[n]) else { continue };
            let (y, _) = tops[place.row];
            let (x, name) = (place.x - place.width / 2.0, escaped(&node.name));
            let class = match (node.wave, node.main) {
                (None, _) => "outside",
                (Some(_), true) => "unit",
                (Some(_), false) => "part",
            };
            line(format!(
                "<rect class=\"{class}\" x=\"{}\" y=\"{}\" width=\"{}\" height=\"{}\" rx=\"6\"/>",
                tenths(x),
                tenths(y),
                tenths(place.width),
                tenths(place.height)
            ));
            line(format!(
                "<text x=\"{}\" y=\"{}\" text-anchor=\"middle\">{name}</text>",
                tenths(place.x),
                tenths(y + 19.5)
            ));
            for (index, (slot, provider)) in node.slots.iter().enumerate() {
                line(format!(
                    "<text class=\"slot\" x=\"{}\" y=\"{}\">{} ← {}</text>",
                    tenths(x + PAD),
                    tenths(y + 36.0 + SLOT * count(index)),
                    escaped(slot),
                    escaped(provider)
                ));
            }
        }
        let right = self.places.iter().map(|p| p.x + p.width / 2.0).fold(0.0, f64::max);
        (right, bottom)
    }

    /// Returns the path of an arrow: out of a box at the bottom, straight through the rows that it passes, into the next.
    fn arrow(&self, arrow: &Arrow, tops: &[(f64, f64)], wired: bool) -> String {
        let edge = &self.graph.edges[arrow.edge];
        let (first, last) = (arrow.through[0], arrow.through[arrow.through.len() - 1]);
        let bottom_of =
            |place: &Place| tops[place.row].0 + if place.node.is_some() { place.height } else { tops[place.row].1 };
        let start = self.port(first, arrow.through[1], true);
        let mut path = format!("M{} {}", tenths(start), tenths(bottom_of(&self.places[first])));
        if self.places[first].row == self.places[last].row {
            // Both in one row: around below.
            let (x, y) = (self.port(last, first, true), bottom_of(&self.places[last]));
            let deep = y.max(bottom_of(&self.places[first])) + 26.0;
            write!(
                path,
                "C{} {} {} {} {} {}",
                tenths(start),
                tenths(deep),
                tenths(x),
                tenths(deep),
                tenths(x),
                tenths(y)
            )
            .expect("a string takes all");
        }
        let (mut x, mut y) = (start, bottom_of(&self.places[first]));
        for pair in arrow.through.windows(2).filter(|p| self.places[p[0]].row < self.places[p[1]].row) {
            let next = &self.places[pair[1]];
            let to = if next.node.is_some() { self.port(pair[1], pair[0], false) } else { next.x };
            // Down to the end of the row first: its other boxes may be taller.
            let (row_top, row_height) = tops[self.places[pair[0]].row];
            let end = row_top + row_height;
            if end > y {
                write!(path, "V{}", tenths(end)).expect("a string takes all");
                y = end;
            }
            let head = tops[next.row].0;
            let middle = tenths(f64::midpoint(y, head));
            write!(path, "C{} {middle} {} {middle} {} {}", tenths(x), tenths(to), tenths(to), tenths(head))
                .expect("a string takes all");
            (x, y) = (to, head);
        }
        let names = [&self.graph.nodes[edge.to].name, &self.graph.nodes[edge.from].name];
        let (class, says) = match (edge.slots.is_empty(), wired) {
            (true, false) => ("waits", format!("{} waits for {}", names[0], names[1])),
            (true, true) => ("waits also", format!("{} waits for {}", names[0], names[1])),
            (false, _) => ("uses", format!("{} uses {}: {}", names[0], names[1], edge.slots.join(", "))),
        };
        let marker = if arrow.upward { "marker-start" } else { "marker-end" };
        format!("<path class=\"{class}\" d=\"{path}\" {marker}=\"url(#head)\"><title>{}</title></path>", escaped(&says))
    }

    /// Returns where an arrow to `other` leaves a box: arrows of one side stand side by side in the order of their other ends.
    fn port(&self, place: usize, other: usize, below: bool) -> f64 {
        let one = &self.places[place];
        if one.node.is_none() {
            return one.x;
        }
        let mut ends: Vec<usize> = if below { one.down.clone() } else { one.up.clone() };
        ends.sort_by(|a, b| self.places[*a].x.total_cmp(&self.places[*b].x).then(a.cmp(b)));
        ends.dedup();
        let Some(index) = ends.iter().position(|e| *e == other) else { return one.x };
        let room = (one.width - 2.0 * PAD).min(14.0 * count(ends.len() - 1));
        one.x - room / 2.0 + if ends.len() > 1 { room * count(index) / count(ends.len() - 1) } else { 0.0 }
    }
}
