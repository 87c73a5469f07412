//! Two sandboxes on one machine, even of labs of one name, know nothing of each other.

use super::rehearsal::Rehearsal;
use crate::host::machine::SMALL;

#[test]
fn two_sandboxes_do_not_disturb_each_other() {
    let (one, other) = (Rehearsal::new(SMALL), Rehearsal::new(SMALL));
    std::thread::scope(|scope| {
        for rehearsal in [&one, &other] {
            scope.spawn(|| rehearsal.labctl(&["apply", "--yes"]).ok());
        }
    });
    let servers = [one.server(), other.server()];
    for field in ["id", "container", "ssh", "https"] {
        assert_ne!(servers[0][field], servers[1][field], "{field}");
    }
    for rehearsal in [&one, &other] {
        rehearsal.labctl(&["plan", "--detailed-exitcode"]).ok();
    }
    one.labctl(&["destroy", "--yes"]).ok();
    one.labctl(&["sandbox", "reset"]).ok();
    one.is_down();
    other.labctl(&["plan", "--detailed-exitcode"]).ok();
    assert_eq!(other.server(), servers[1]);
}
