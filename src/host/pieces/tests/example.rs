//! A piece as CONTRIBUTING ("Adding a piece of the server") tells to write one, and all that it has to say: figures of
//! the server for Prometheus, by Debian's own exporter. It is in no product: the tests add it to the others.

use crate::host::desired::{DesiredHost, DesiredUnit, Effect, Gate, Input, Port};
use crate::host::fixture;
use crate::host::render::RenderError;
use crate::host::services::Service;
use crate::plan::Workbench;

use super::super::{ALL, Definition, Inputs, Piece, desired_of, services_of};

const SETTINGS: &str = "/etc/default/prometheus-node-exporter";
const UNIT: &str = "prometheus-node-exporter.service";
/// Where no user can take its place (`isolation.rs`); it listens at 9100 by itself.
const PORT: u16 = 489;

const PIECE: Definition = Definition {
    add,
    services: &[Service {
        port: Some(PORT),
        key: "metrics",
        is_in: is_wanted,
        ..Service::new("metrics", &[UNIT])
    }],
};

/// A section of its own would say so; this one is there for whoever has R.
fn is_wanted(workbench: &Workbench) -> bool {
    workbench.r.is_some()
}

fn add(piece: &Piece<'_>, host: &mut DesiredHost) -> Result<(), RenderError> {
    if !is_wanted(piece.workbench) {
        return Ok(());
    }
    host.add_packages(&["prometheus-node-exporter"]);
    let settings = format!("ARGS=\"--web.listen-address=127.0.0.1:{PORT}\"\n");
    host.add_file(SETTINGS, settings, "0644");
    host.units.push(DesiredUnit {
        name: UNIT,
        inputs: vec![Input {
            path: SETTINGS,
            effect: Effect::Restart,
        }],
    });
    host.ports.push(Port {
        port: PORT,
        unit: UNIT,
    });
    host.gates.extend([
        Gate::Active { unit: UNIT },
        Gate::Loopback { ports: vec![PORT] },
    ]);
    Ok(())
}

/// The host that the pieces give for a plan with this workbench.
fn host(pieces: &[Definition], workbench: &str) -> DesiredHost {
    let plan = fixture::plan(workbench);
    let workbench = plan.workbench.as_ref().unwrap();
    desired_of(pieces, &plan, workbench, &Inputs::default()).unwrap()
}

fn with_example() -> Vec<Definition> {
    ALL.iter().copied().chain([PIECE]).collect()
}

#[test]
fn a_piece_is_added_by_its_file_and_its_line_in_the_list() {
    let workbench = "  https: { mode: self-signed }\n  r: { version: system }\n";
    let (mut host, before) = (host(&with_example(), workbench), host(ALL, workbench));
    assert_eq!(host.units.pop().unwrap().name, UNIT);
    assert_eq!(host.files.remove(SETTINGS).unwrap().mode, "0644");
    assert!(host.packages.remove("prometheus-node-exporter"));
    assert_eq!(host.ports.pop().unwrap().port, PORT);
    assert_eq!(host.gates.split_off(before.gates.len()).len(), 2);
    assert_eq!(host, before, "it touches what is another's");
}

#[test]
fn a_piece_that_the_plan_does_not_have_adds_nothing() {
    let workbench = "  https: { mode: self-signed }\n";
    assert_eq!(host(&with_example(), workbench), host(ALL, workbench));
}

#[test]
fn commands_find_a_piece_by_the_names_that_it_gives() {
    let pieces = with_example();
    let mut found = services_of(&pieces).filter(|service| service.name == "metrics");
    let service = found.next().unwrap();
    assert_eq!((service.port, service.units), (Some(PORT), &[UNIT][..]));
    assert_eq!(services_of(&pieces).count(), services_of(ALL).count() + 1);
}
