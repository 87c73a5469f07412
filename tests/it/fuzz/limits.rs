//! What has no end, or is larger than anything labctl reads: given up, in bounded memory.

use super::targets::check_harmless;
use crate::support::Lab;

/// Far below what would be read in the time, and enough for labctl itself.
const KIBIBYTES: u32 = 400_000;

#[test]
fn files_without_an_end_are_given_up() {
    let lab = Lab::offline();
    lab.write("lab.yaml", "lab: x\n");
    let ran = lab.bounded(KIBIBYTES, "validate --file /dev/zero").exits(1);
    check_harmless(&ran.stderr);
    lab.bounded(KIBIBYTES, "apply /dev/zero")
        .refuses(&["cannot read the saved plan", "longer than"]);
    lab.write("large", &"[".repeat(15 << 20));
    lab.bounded(KIBIBYTES, "apply large")
        .refuses(&["no saved plan"]);
    lab.write("large.yaml", &"- ".repeat(4 << 20));
    lab.bounded(KIBIBYTES, "validate --file large.yaml")
        .exits(1)
        .says(&["large.yaml:1:"]);
}
