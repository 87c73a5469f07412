//! The graph of steps → text, wave by wave.

use crate::cloud::graph::Graph;

use super::words::harmless;

/// Lists the steps in waves: those of a wave wait for earlier ones only.
pub fn text(graph: &Graph) -> String {
    let mut waves: Vec<Vec<usize>> = Vec::new();
    let mut left: Vec<usize> = (0..graph.steps.len()).collect();
    while !left.is_empty() {
        let (ready, rest): (Vec<_>, Vec<_>) = left.iter().copied().partition(|index| {
            let mut needs = graph.steps[*index].needs.iter();
            needs.all(|needed| !left.contains(needed))
        });
        waves.push(ready);
        left = rest;
    }
    let mut lines = Vec::new();
    for (number, wave) in waves.iter().enumerate() {
        lines.push(format!("wave {}", number + 1));
        lines.extend(wave.iter().map(|index| step(graph, *index)));
    }
    lines.join("\n")
}

/// Writes the graph in Graphviz's language: an arrow leads from a step to those that wait for it.
pub fn dot(graph: &Graph) -> String {
    let quoted = |text: String| format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\""));
    let nodes = (0..graph.steps.len()).map(|index| {
        let label = quoted(title(graph, index));
        format!("  s{index} [label={label}];")
    });
    let arrows = arrows(graph).map(|(from, to)| format!("  s{from} -> s{to};"));
    let head = "digraph lab {\n  rankdir=LR;\n  node [shape=box];".to_owned();
    let lines = std::iter::once(head).chain(nodes).chain(arrows);
    let lines = lines.chain(std::iter::once("}".to_owned()));
    lines.collect::<Vec<_>>().join("\n")
}

/// Writes the graph in Mermaid's language. Names of records hold `*` and `@`, which quotes make plain letters.
pub fn mermaid(graph: &Graph) -> String {
    let nodes = (0..graph.steps.len()).map(|index| {
        let label = title(graph, index).replace('"', "#quot;");
        format!("  s{index}[\"{label}\"]")
    });
    let arrows = arrows(graph).map(|(from, to)| format!("  s{from} --> s{to}"));
    let lines = std::iter::once("flowchart LR".to_owned());
    lines
        .chain(nodes)
        .chain(arrows)
        .collect::<Vec<_>>()
        .join("\n")
}

fn title(graph: &Graph, index: usize) -> String {
    let step = &graph.steps[index];
    harmless(&format!("{} {}", step.verb(), step.name()))
}

fn arrows(graph: &Graph) -> impl Iterator<Item = (usize, usize)> {
    let steps = graph.steps.iter().enumerate();
    steps.flat_map(|(to, step)| step.needs.iter().map(move |from| (*from, to)))
}

fn step(graph: &Graph, index: usize) -> String {
    let step = &graph.steps[index];
    let needs: Vec<_> = step
        .needs
        .iter()
        .map(|needed| {
            let needed = &graph.steps[*needed];
            format!("{} {}", needed.verb(), needed.name())
        })
        .collect();
    let after = match needs.as_slice() {
        [] => String::new(),
        needs => format!("  (after {})", needs.join(", ")),
    };
    format!("  {} {}{after}", step.verb(), step.name())
}
