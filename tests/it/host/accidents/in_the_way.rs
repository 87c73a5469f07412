//! Something on the server is in the way: each is named before anything is changed.

use super::super::machine::{Bench, SMALL};
use super::{fresh, refused_untouched, state, wait_until};

#[test]
fn what_is_on_the_server_already() {
    let bench = fresh(SMALL);
    let machine = &bench.machine;
    for (id, version, name) in [
        ("fedora", "40", "Fedora Linux 40"),
        ("ubuntu", "20.04", "Ubuntu 20.04.6 LTS"),
    ] {
        machine.sh(&format!(
            "rm /etc/os-release; printf 'ID={id}\\nVERSION_ID=\"{version}\"\\nPRETTY_NAME=\"{name}\"\\n' >/etc/os-release"
        ));
        refused_untouched(&bench, &[&format!("`{name}`"), "image: ubuntu-24.04"]);
    }
    machine.sh("ln -sf ../usr/lib/os-release /etc/os-release");

    machine.sh("useradd --system guest");
    refused_untouched(
        &bench,
        &["`guest` is a user of the system itself", "another name"],
    );
    machine.sh("userdel guest");

    machine.sh("mkdir -p /var/www/labctl/index.html");
    refused_untouched(&bench, &["`/var/www/labctl/index.html`", "move it away"]);
    machine.sh("rmdir /var/www/labctl/index.html");

    machine.sh("systemd-run --quiet --unit=squatter python3 -m http.server 80");
    machine.sh("nohup python3 -m http.server 443 >/dev/null 2>&1 &");
    wait_until("both listen", || {
        let listening = machine.sh("ss --no-header --listening --tcp --numeric");
        listening.contains(":80 ") && listening.contains(":443 ")
    });
    refused_untouched(
        &bench,
        &[
            "port 80 on the server is taken by `python3` (`squatter.service`)",
            "port 443 on the server is taken by `python3`",
            "sudo systemctl disable --now squatter.service",
        ],
    );
    machine.sh("systemctl stop squatter.service; kill $(pgrep -f 'http.server 44[3]')");
    bench.apply();
}

/// Who is called like a group would belong to it.
#[test]
fn groups_of_a_server_are_no_names_for_users() {
    let bench = Bench::applied(SMALL);
    let groups = bench.machine.sh("getent group | cut -d: -f1");
    let of_the_plan = ["test-user", "guest"];
    let groups: Vec<&str> = groups
        .lines()
        .filter(|name| !of_the_plan.contains(name))
        .collect();
    assert!(
        groups.len() > 40 && groups.contains(&"shadow"),
        "{groups:?}"
    );
    let users: String = groups
        .iter()
        .map(|name| format!("    - {{ name: {name} }}\n"))
        .collect();
    bench.lab.edit("    - { name: guest }\n", &users);
    let ran = bench.labctl(&["validate"]).exits(1);
    for name in groups {
        let line = format!("    - {{ name: {name} }}");
        assert!(ran.stderr.contains(&line), "{name} is allowed\n{ran}");
    }
}

#[test]
fn a_disk_that_is_full() {
    let bench = Bench::applied(SMALL);
    let machine = &bench.machine;
    // There is no room for the apply itself.
    machine.sh("mount -t tmpfs -o size=16k labctl /var/lib/labctl");
    let before = machine.sh("find /etc -xdev -printf '%p %s %T@\\n' | sort | sha256sum");
    let ran = bench.labctl(&["apply", "--yes"]).exits(1);
    ran.says(&["No space left on device", "make room on the server's disk"]);
    let after = machine.sh("find /etc -xdev -printf '%p %s %T@\\n' | sort | sha256sum");
    assert_eq!(before, after);
    machine.sh("umount /var/lib/labctl");
    bench.labctl(&["plan", "--detailed-exitcode"]).ok();

    // It fills up in the middle of the switch: the old state is put back.
    fill(&bench, "/etc/nginx");
    let files = "sha256sum /etc/nginx/nginx.conf /var/www/labctl/index.html /etc/labctl/*.json";
    let before = machine.sh(files);
    bench
        .lab
        .edit("domain: lab.example.org", "domain: other.example.org");
    let ran = bench.labctl(&["apply", "--yes"]).exits(1);
    ran.says(&["the server's disk is full", "free some space", "put back"]);
    assert_eq!(before, machine.sh(files));
    let page = bench.curl(&["--insecure", "https://lab.example.org/"]);
    assert!(page.contains("lab.example.org"), "{page}");

    machine.sh("rm /etc/nginx/filler");
    bench.apply();
    let page = bench.curl(&["--insecure", "https://other.example.org/"]);
    assert!(page.contains("other.example.org"), "{page}");
    let before = state(machine);
    bench.apply();
    assert_eq!(before, state(machine), "there was nothing to do");
}

/// Puts a folder on a small disk of its own, and fills that.
fn fill(bench: &Bench, folder: &str) {
    bench.machine.sh(&format!(
        "cp -a {folder} /tmp/kept && mount -t tmpfs -o size=512k,mode=0755 full {folder} && \
         cp -a /tmp/kept/. {folder}/ && rm -r /tmp/kept && \
         ! dd if=/dev/zero of={folder}/filler bs=4k 2>/dev/null"
    ));
}
