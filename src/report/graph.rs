//! The graph of steps → text, wave by wave.

use crate::cloud::graph::Graph;

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
