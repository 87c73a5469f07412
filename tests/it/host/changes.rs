//! From an empty host to NGINX with HTTPS, and small changes from there.

use super::counts;
use super::machine::{Bench, SMALL};

#[test]
fn an_empty_host_is_set_up_and_then_left_alone() {
    let mut bench = Bench::new(SMALL);
    counts::first_apply_is_two_commands(&mut bench);
    counts::no_change_is_one_command(&mut bench);
    let machine = &bench.machine;
    // Seen from outside: curl through the published ports.
    let page = bench.curl(&["--insecure", "https://lab.example.org/"]);
    assert!(page.contains("</html>"), "{page}");
    let redirect = bench.curl(&["--include", "http://lab.example.org/x?y=1"]);
    assert!(redirect.contains("301"), "{redirect}");
    assert!(
        redirect.contains("https://lab.example.org/x?y=1"),
        "{redirect}"
    );
    assert_eq!(
        machine.sh("stat -c %a%U /home/test-user/.ssh /home/test-user/.ssh/authorized_keys"),
        "700test-user\n600test-user\n"
    );

    // A one-line edit changes one file and reloads one unit.
    let before = machine.started("nginx.service");
    bench
        .lab
        .edit("https: { mode: self-signed }", "https: { mode: off }");
    let changes = bench.changes();
    assert_eq!(
        changes.get("/etc/nginx/nginx.conf").map(String::as_str),
        Some("update"),
        "{changes:#?}"
    );
    bench.apply();
    assert_eq!(
        before,
        machine.started("nginx.service"),
        "a reload is enough"
    );
    let page = bench.curl(&["http://lab.example.org/"]);
    assert!(page.contains("</html>"), "{page}");
    assert!(!machine.is_active("labctl-certificate.timer"));
}
