//! Files that labctl did not write, and its own that somebody has edited.

use super::machine::{Bench, SMALL};

const BY_HAND: &str = "events {}
http {
    server { listen 80; location / { return 200 \"made by hand\"; } }
}
";

fn kept(bench: &Bench) -> String {
    let found = bench
        .machine
        .sh("find /var/lib/labctl/backups -name nginx.conf | sort | tail -n 1");
    assert!(!found.is_empty(), "there is no copy");
    bench.machine.sh(&format!("cat {found}"))
}

#[test]
fn what_was_made_by_hand_is_kept_and_comes_back() {
    let bench = Bench::new(SMALL);
    let machine = &bench.machine;
    machine.sh("apt-get update -q && DEBIAN_FRONTEND=noninteractive apt-get install -qy nginx");
    machine.sh(&format!("printf '%s' '{BY_HAND}' > /etc/nginx/nginx.conf"));
    machine.sh("chmod 0640 /etc/nginx/nginx.conf && systemctl restart nginx");
    assert_eq!(bench.curl(&["http://lab.example.org/"]), "made by hand");

    bench.labctl(&["apply", "--yes", "--only", "cloud"]).ok();
    bench
        .labctl(&["plan"])
        .ok()
        .says(&["not as labctl wrote it; a copy is kept", "made by hand"]);
    bench.apply().says(&[
        "`/etc/nginx/nginx.conf` was not written by labctl and is replaced",
        "the old file is kept at `/var/lib/labctl/backups/",
    ]);
    assert_eq!(kept(&bench), BY_HAND);
    let page = bench.curl(&["--insecure", "https://lab.example.org/"]);
    assert!(page.contains("</html>"), "{page}");

    // The web leaves the plan.
    bench.lab.edit(
        "  domain: lab.example.org\n",
        "  domain: lab.example.org\n  landing_page: false\n",
    );
    bench.apply();
    assert_eq!(machine.sh("cat /etc/nginx/nginx.conf"), BY_HAND);
    assert_eq!(machine.sh("stat -c %a /etc/nginx/nginx.conf"), "640\n");
    assert!(!machine.is_active("labctl-certificate.timer"));
}

#[test]
fn an_edit_by_hand_is_shown_put_right_and_kept() {
    let bench = Bench::applied(SMALL);
    let machine = &bench.machine;
    machine.sh("sed -i 's/gzip_comp_level 5;/gzip_comp_level 9;/; \
         s/server_tokens off;/server_tokens off; # password=hunter2/' /etc/nginx/nginx.conf");
    let edited = machine.sh("cat /etc/nginx/nginx.conf");
    let ran = bench.labctl(&["plan"]).ok().says(&[
        "-    gzip_comp_level 9;",
        "+    gzip_comp_level 5;",
        "not as labctl wrote it; a copy is kept",
    ]);
    assert!(!ran.stdout.contains("hunter2"), "{ran}");
    bench.apply().says(&[
        "`/etc/nginx/nginx.conf` had been changed by hand and is replaced",
        "the old file is kept at",
    ]);
    assert_eq!(kept(&bench), edited);
    let live = machine.sh("cat /etc/nginx/nginx.conf");
    assert!(live.contains("gzip_comp_level 5;"), "{live}");
}
