use insta::assert_snapshot;

use crate::doctor::{Comparison, Finding, LastApply, Record, last_apply, plan};
use crate::report::doctor::{document, is_well, text};

use super::lab::plain;

fn ahead() -> Vec<Finding> {
    let changes = ["/etc/nginx/nginx.conf", "unit.nginx.service"].map(str::to_owned);
    vec![
        Finding::ok("server", "`i-0abc` runs, at 198.51.100.4"),
        Finding::ok(
            "gate: NGINX's configuration is live",
            "configuration 0123456789ab",
        ),
        plan("server", &Comparison::Differs(changes.into())),
        plan("AWS", &Comparison::Differs(Vec::new())),
    ]
}

#[test]
fn a_plan_ahead_of_its_server_is_remarked_and_well() {
    assert!(is_well(&ahead()));
    assert_snapshot!(plain(&text("penguins", &ahead())), @r#"
    lab penguins

         ok  server                               `i-0abc` runs, at 198.51.100.4
         ok  gate: NGINX's configuration is live  configuration 0123456789ab
    warning  plan: server                         2 changes are not applied: /etc/nginx/nginx.conf, unit.nginx.service
             help: `labctl plan` shows what differs, and `labctl apply` brings it in line
         ok  plan: AWS                            nothing is left to apply

    1 to look at, 3 as it should be
    "#);
    let document = document("penguins", "us-east-1", &ahead());
    assert_eq!(document["ok"], true);
    let finding = serde_json::to_string_pretty(&document["findings"][2]).unwrap();
    assert_snapshot!(finding, @r#"
    {
      "name": "plan: server",
      "state": "warning",
      "detail": "2 changes are not applied: /etc/nginx/nginx.conf, unit.nginx.service",
      "help": "`labctl plan` shows what differs, and `labctl apply` brings it in line"
    }
    "#);
}

#[test]
fn a_server_tells_where_its_gates_come_from() {
    let findings = [
        (Record::None, 0),
        (Record::Unrecorded, 0),
        (Record::Unrecorded, 7),
    ];
    let findings = findings.map(|(state, left_out)| {
        last_apply(&LastApply {
            state,
            left_out,
            ..LastApply::default()
        })
    });
    let findings: Vec<_> = findings.into_iter().flatten().collect();
    assert_snapshot!(plain(&text("penguins", &findings)), @r#"
    lab penguins

     FAILED  last apply  none has succeeded on this server yet, so there are no gates to try
             help: `labctl apply` sets the server up
          -  last apply  an older labctl made it, which recorded no gates: the plan's are tried
          -  last apply  an older labctl made it, which recorded no gates: the plan's are tried, but 7 that may hold only once the plan is applied

    1 failed, 2 not looked at
    "#);
}
