"""Whole runs of the agent on a Debian host in a container; needs root and Docker.

`python3 tests/host/test_agent_runs.py [CLASS[.test]]`. Each class has a host of its own.
"""

import os
import sys
import time
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))

from agent_host import LIVE, STATE, UNIT, Lab, OnHost
from agent_lab import HOST, KEY, NGINX, hash_of, whole, with_app, with_nginx

# Asks for the page at `/` again and again, and notes the default page of Debian's NGINX.
WATCH = """
import time, urllib.request
for _ in range(600):
    try:
        if b"Welcome to nginx" in urllib.request.urlopen("http://127.0.0.1/", timeout=1).read():
            open("/root/default-page-seen", "w").close()
    except OSError:
        pass
    time.sleep(0.05)
"""
HOLD = "import fcntl,time; f=open('/var/lib/dpkg/lock-frontend','w'); fcntl.lockf(f,2); time.sleep(6)"


def never_true(name, path, seconds):
    """A gate that does not hold."""
    page = {"kind": "page", "name": name, "url": f"https://{HOST}{path}", "status": 418, "contains": ""}
    return {**page, "unit": "app.service", "seconds": seconds}


class FromNothing(OnHost):
    """The first run on an empty server."""

    def test_everything_at_once(self):
        self.host.shell(
            "cat > /root/watch.py; systemd-run --quiet --unit=watch python3 /root/watch.py", stdin=WATCH.encode()
        )
        lab = whole(self.host)
        outcome = self.ok(lab)
        self.assertEqual(self.live(), hash_of(1))
        self.assertFalse(self.host.succeeds("test -e /root/default-page-seen"), "the default page was served")
        steps = "prepare packages users secrets environments check snapshot switch units certificate gates record"
        self.assertEqual(outcome.texts("step", "step"), steps.split())
        self.assertEqual(outcome.texts("done", "step"), steps.split())
        self.assertEqual(
            self.host.shell("stat -c '%a %U' /home/ann/.ssh /home/ann/.ssh/authorized_keys"), "700 ann\n600 ann"
        )
        self.assertEqual(self.host.shell("id -nG ann"), "ann sudo labctl")
        self.assertEqual(self.host.shell("stat -c %a /etc/sudoers.d/90-labctl"), "440")
        self.assertRegex(self.host.shell("cat /etc/labctl/app.env"), "^TOKEN=[0-9a-f]{64}$")
        self.assertNotIn(self.host.shell("cut -d= -f2 /etc/labctl/app.env"), str(outcome.events))
        self.assertEqual(self.host.shell("readlink /opt/app"), "/opt/labctl/app-00000000000a")
        manifest = self.host.manifest()
        self.assertEqual(set(manifest["units"]), {"nginx.service", "app.service", "ssh.service"})
        # Debian's own file is kept, and nobody is bothered with it.
        self.assertEqual(outcome.verdict["warnings"], [])
        original = manifest["files"]["/etc/nginx/nginx.conf"]["original"]
        self.assertIn("sites-enabled", self.host.shell(f"cat {original}"))
        self.assertEqual(self.host.shell(f"cat {STATE}/runs/*/phase"), "done")
        self.assertEqual(self.host.shell(f"cat {STATE}/runs/*/agent.log"), "")


class StartedTwice(OnHost):
    """A run that systemd is asked to start once more, as a restart of its unit does."""

    def test_nothing_is_done_and_nothing_told(self):
        lab = Lab(self.host).file("/etc/labctl/small.py", "x = 1\n", check="python")
        folder = self.host.push(lab.request, lab.files)
        self.host.start(folder)
        first = self.host.outcome(folder)
        self.assertTrue(first.verdict["ok"], str(first))
        self.host.shell("rm /etc/labctl/small.py")
        self.host.start(folder)
        self.assertEqual(self.host.outcome(folder).events, first.events)
        self.assertFalse(self.host.succeeds("test -e /etc/labctl/small.py"))


class PortTaken(OnHost):
    """Somebody else holds port 80."""

    def test_the_process_is_named_before_anything_is_changed(self):
        self.host.shell("systemd-run --quiet --unit=apache2 python3 -m http.server 80; sleep 1")
        before = self.sums()
        outcome = self.fails(
            whole(self.host), "prepare", r"^port 80 is taken by `python3` \(process \d+ of `apache2.service`\)$"
        )
        self.assertIn("`sudo systemctl disable --now apache2.service`", outcome.verdict["help"])
        self.same(self.sums(), before)
        self.assertFalse(self.host.succeeds("dpkg -s nginx"))
        # A port that is taken while packages are installed does not break the installation.
        lab = whole(self.host)
        lab.request["ports"] = [{"port": 8099, "unit": "nginx.service"}]
        outcome = self.fails(lab, "units", "`nginx.service` did not start", rolled_back=True)
        self.assertIn("Address already in use", str(outcome.verdict["log"]))
        self.assertTrue(self.host.succeeds("dpkg -s nginx | grep -q 'Status: install ok installed'"))
        self.assertIn("what was done to packages and users stays", outcome.verdict["help"])
        self.assertEqual(self.host.manifest()["users"]["ann"]["created"], True)


class Packages(OnHost):
    """apt and dpkg in bad states."""

    def test_locked_then_killed_then_whole(self):
        self.host.shell(f'systemd-run --quiet --unit=holder python3 -c "{HOLD}"; sleep 1')
        lab = Lab(self.host).want(packages=["nginx"])
        folder = self.host.push(lab.request, {})
        self.host.start(folder, wait=False)
        deadline = time.monotonic() + 60
        while "Unpacking nginx" not in str(self.host.outcome(folder)) and time.monotonic() < deadline:
            time.sleep(0.02)
        self.host.shell(
            f"systemctl kill --signal=KILL {UNIT}.service; sleep 0.5; systemctl stop {UNIT}.service", check=False
        )
        seen = str(self.host.outcome(folder))
        self.assertRegex(seen, r"waiting for `python3` \(process \d+\), which is installing packages")
        self.assertIsNone(self.host.outcome(folder).verdict)
        self.assertFalse(self.host.succeeds("dpkg-query -W -f '${db:Status-Status}' nginx | grep -qx installed"))
        outcome = self.ok(whole(self.host))
        self.assertIn("an earlier installation was cut off; finishing it", outcome.texts("line"))
        self.assertEqual(self.live(), hash_of(1))
        # The run that died has a verdict now, so that nobody waits for it.
        self.assertEqual(self.host.outcome(folder).verdict["ok"], False)

    def test_unknown_package(self):
        lab = Lab(self.host).want(packages=["no-such-package"])
        self.fails(lab, "packages", "the server's package sources do not have `no-such-package`")


class Users(OnHost):
    """Accounts and keys."""

    def test_keys_locking_and_admitting_again(self):
        first, second = KEY.format("first"), KEY.format("second")
        self.ok(Lab(self.host).user("ann", sudo=True, add=[first]))
        self.host.shell("echo '# own line' >> /home/ann/.ssh/authorized_keys; echo ann:x | chpasswd")
        self.ok(Lab(self.host).user("ann", "update", add=[second], remove=[first]))
        self.assertEqual(self.host.shell("cat /home/ann/.ssh/authorized_keys"), f"# own line\n{second}")
        self.assertEqual(self.host.shell("id -nG ann"), "ann labctl")
        self.host.shell("systemd-run --quiet --unit=jupyter-ann-singleuser --property=User=ann sleep 1000")
        self.host.shell("systemd-run --quiet --unit=jupyter-ann-b-singleuser --property=User=ubuntu sleep 1000")
        self.ok(Lab(self.host).user("ann", "lock", remove=[second]))
        self.assertEqual(self.host.shell("cat /home/ann/.ssh/authorized_keys"), "# own line")
        self.assertRegex(self.host.shell("getent shadow ann"), r"^ann:!.*:1:$")
        self.assertFalse(self.host.succeeds("systemctl is-active jupyter-ann-singleuser"))
        self.assertTrue(self.host.succeeds("systemctl is-active jupyter-ann-b-singleuser"))
        self.ok(Lab(self.host).user("ann", "lock", remove=[second]))
        self.ok(Lab(self.host).user("ann", "update", add=[second]))
        self.assertRegex(self.host.shell("getent shadow ann"), r"^ann:\$.*::$")

    def test_who_leaves_is_no_administrator_any_more(self):
        self.ok(Lab(self.host).user("dan", sudo=True))
        self.assertEqual(self.host.shell("id -nG dan"), "dan sudo labctl")
        self.ok(Lab(self.host).user("dan", "lock"))
        self.assertEqual(self.host.shell("id -nG dan"), "dan labctl")

    def test_links_of_a_user_are_not_followed(self):
        self.ok(Lab(self.host).user("eve", add=[KEY.format("eve")]))
        self.host.shell("rm -r /home/eve/.ssh; install -d -m 777 /root-ssh; ln -s /root-ssh /home/eve/.ssh")
        self.fails(
            Lab(self.host).user("eve", "update", add=[KEY.format("x")]),
            "users",
            "SSH keys of user `eve` cannot be changed: `.ssh` is a link or a file",
        )
        self.assertEqual(self.host.shell("ls -A /root-ssh"), "")
        outcome = self.ok(Lab(self.host).user("eve", "lock", remove=[KEY.format("eve")]))
        self.assertIn("locked all the same", outcome.verdict["warnings"][0]["text"])
        # A folder that only root can write to cannot be reached through a link either.
        self.host.shell(
            "rm /home/eve/.ssh; install -d -m 755 /root-only; usermod -e '' eve; ln -s /root-only /home/eve/.ssh"
        )
        self.fails(Lab(self.host).user("eve", "update", add=[KEY.format("x")]), "users", "`.ssh` is a link")

    def test_a_group_of_the_users_name(self):
        self.host.shell("groupadd --system tape-robot")
        before = self.sums()
        outcome = self.fails(
            Lab(self.host).user("zoe", add=[KEY.format("z")]).user("tape-robot"), "prepare", "has a group `tape-robot`"
        )
        self.assertIn("`sudo groupdel tape-robot`", outcome.verdict["help"])
        self.same(self.sums(), before)
        self.assertFalse(self.host.succeeds("id zoe"))

    def test_a_home_of_somebody_else(self):
        self.host.shell("install -d -o ubuntu /home/bob")
        self.fails(
            Lab(self.host).user("bob", add=[KEY.format("b")]), "users", "`/home/bob` does not belong to user `bob`"
        )


class Changes(OnHost):
    """Runs on a server that has a whole lab."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        lab = whole(cls.host)
        outcome = cls.host.apply(lab.request, lab.files)
        assert outcome.verdict["ok"], str(outcome)

    def test_all_bad_files_are_reported_and_nothing_is_switched(self):
        before, live = self.sums(), self.live()
        lab = with_nginx(self.host, 9, text=NGINX.replace("access_log off", "acess_log off"))
        lab.file("/etc/labctl/bad.py", "def x(:\n", check="python")
        lab.file(
            "/etc/systemd/system/bad.service", "[Service]\nExecStart=/no/such/program\nRestrat=always\n", check="unit"
        )
        lab.file("/etc/sudoers.d/91-bad", "ann ALL=ALL ALL ALL\n", "0440", "sudoers")
        lab.file("/etc/ssh/sshd_config.d/10-labctl.conf", "PermitRootLogin perhaps\n", check="sshd")
        outcome = self.fails(lab, "check", "^5 new files failed their checks")
        for path in (
            "nginx/nginx.conf",
            "labctl/bad.py",
            "systemd/system/bad.service",
            "sudoers.d/91-bad",
            "ssh/sshd_config.d/10-labctl.conf",
        ):
            self.assertIn(f"`/etc/{path}`", outcome.verdict["what"])
        log = "\n".join(outcome.verdict["log"])
        for words in (
            'unknown directive "acess_log" in /etc/nginx/nginx.conf:8',
            "/etc/labctl/bad.py:1: invalid syntax",
            "/no/such/program is not executable",
            "bad.service:3: Unknown key",
            "/etc/sudoers.d/91-bad:1",
            "/etc/ssh/sshd_config.d/10-labctl.conf line 1",
        ):
            self.assertIn(words, log)
        self.same(self.sums(), before)
        self.assertEqual(self.live(), live)

    def test_a_failed_gate_puts_everything_back(self):
        self.host.shell("echo theirs > /etc/labctl/old.conf; systemctl enable --quiet app.service")
        before, manifest = self.sums(), self.host.manifest()
        live = self.live()
        lab = with_app(with_nginx(self.host, 7), 7, digest="00000000000b")
        lab.file("/etc/new/deep.conf", "x").file(
            "/etc/systemd/system/new.service",
            "[Service]\nExecStart=/bin/sleep 1000\n[Install]\nWantedBy=multi-user.target\n",
            check="unit",
        )
        lab.unit("new.service", "start")
        lab.want(remove=[{"path": "/etc/labctl/old.conf", "restore": None, "backup": False}])
        lab.want(gates=[never_true("hub login page", "/app/x", 3)])
        started = time.monotonic()
        outcome = self.fails(lab, "gates", "gate `hub login page` failed: 200 from nginx", rolled_back=True)
        self.assertLess(time.monotonic() - started, 60)
        self.assertIn("rollback", outcome.texts("step", "step"))
        self.same(self.sums(), before)
        self.assertEqual(self.live(), live)
        self.assertEqual(self.host.manifest(), manifest)
        self.assertFalse(self.host.succeeds("systemctl cat new.service"))
        self.assertEqual(self.host.shell("readlink /opt/app"), "/opt/labctl/app-00000000000a")
        self.assertIn("app 1", self.host.shell(LIVE.replace("127.0.0.1/.labctl/config", "127.0.0.1:8000")))

    def test_a_reload_that_nginx_only_seems_to_accept(self):
        before, live = self.sums(), self.live()
        # NGINX checks the files and says yes, then cannot bind the port of the app, and serves on as before.
        text = NGINX.replace("listen 80 default_server;", "listen 80 default_server; listen 127.0.0.1:8000;")
        lab = with_nginx(self.host, 10, action="reload", text=text)
        for gate in lab.request["gates"]:
            gate["seconds"] = 3
        self.fails(lab, "gates", "gate `NGINX's configuration is live` failed: NGINX serves", rolled_back=True)
        self.same(self.sums(), before)
        self.assertEqual(self.live(), live)

    def test_a_unit_that_dies_ends_the_run_at_once_with_its_words(self):
        before = self.sums()
        lab = with_app(with_nginx(self.host, 8), 8, text="import sys; sys.exit('no database here')\n")
        started = time.monotonic()
        outcome = self.fails(lab, "gates", "gate `app.service runs` failed|gate `app` failed", rolled_back=True)
        self.assertLess(time.monotonic() - started, 45)
        self.assertIn("no database here", str(outcome.verdict["log"]))
        self.same(self.sums(), before)

    def test_a_small_change_touches_one_unit(self):
        before = self.host.shell("systemctl show --property MainPID app.service ssh.service")
        lab = Lab(self.host).file("/etc/labctl/small.py", "x = 1\n", check="python").unit("nginx.service", "reload")
        self.ok(lab)
        self.assertEqual(self.host.shell("systemctl show --property MainPID app.service ssh.service"), before)

    def test_foreign_files_are_kept(self):
        self.host.shell("echo 'their = 1' > /etc/labctl/theirs.py")
        outcome = self.ok(Lab(self.host).file("/etc/labctl/theirs.py", "ours = 1\n", check="python", backup=True))
        kept = self.host.manifest()["files"]["/etc/labctl/theirs.py"]["original"]
        self.assertEqual(self.host.shell(f"cat {kept}"), "their = 1")
        self.assertIn("`/etc/labctl/theirs.py` was not written by labctl", outcome.verdict["warnings"][0]["text"])
        lab = Lab(self.host).want(remove=[{"path": "/etc/labctl/theirs.py", "restore": kept, "backup": False}])
        self.ok(lab)
        self.assertEqual(self.host.shell("cat /etc/labctl/theirs.py"), "their = 1")

    def test_an_environment_that_was_cut_off_is_built_again_and_an_old_one_goes(self):
        self.host.shell(
            "mkdir -p /opt/labctl/app-00000000000c/bin /opt/labctl/app-00000000000d; touch /opt/labctl/keep"
        )
        self.ok(with_app(with_nginx(self.host, 3), 3, digest="00000000000c"))
        self.assertEqual(self.host.shell("readlink /opt/app"), "/opt/labctl/app-00000000000c")
        self.assertTrue(self.host.succeeds("/opt/app/bin/python -c 'import six'"))
        self.assertFalse(self.host.succeeds("test -e /opt/labctl/app-00000000000d"))
        self.assertTrue(self.host.succeeds("test -e /opt/labctl/keep"))
        self.fails(
            with_app(Lab(self.host), 3, digest="00000000000e", requirements="no-such-package-at-all==1\n"),
            "environments",
            "the packages of `app` do not go together, or cannot be found",
        )

    def test_units_that_leave_the_plan_are_stopped(self):
        text = "[Service]\nExecStart=/bin/sleep 1000\n[Install]\nWantedBy=multi-user.target\n"
        self.ok(Lab(self.host).file("/etc/systemd/system/out.service", text, check="unit").unit("out.service", "start"))
        self.assertEqual(self.host.shell("systemctl is-active out.service"), "active")
        lab = Lab(self.host).unit("out.service", "stop", enable=False)
        self.ok(lab.want(remove=[{"path": "/etc/systemd/system/out.service", "restore": None, "backup": False}]))
        self.assertFalse(self.host.succeeds("systemctl is-active out.service"))
        self.assertFalse(self.host.succeeds("systemctl cat out.service"))
        self.assertFalse(self.host.succeeds("ls /etc/systemd/system/*.wants/out.service"))

    def test_a_full_disk(self):
        live = self.live()
        self.host.shell("mkdir -p /etc/full && mount -t tmpfs -o size=64k tmpfs /etc/full")
        self.addCleanup(self.host.shell, "umount /etc/full")
        lab = with_nginx(self.host, 5).file("/etc/full/large", "x" * 200_000)
        self.fails(lab, "switch", "the server's disk is full", rolled_back=True)
        self.assertEqual(self.live(), live)
        self.assertEqual(self.host.shell("ls -A /etc/full"), "")

    def test_a_stop_puts_everything_back(self):
        before = self.sums()
        lab = with_nginx(self.host, 6)
        lab.want(gates=[never_true("never", "/", 30)])
        folder = self.host.push(lab.request, lab.files)
        self.host.start(folder, wait=False)
        deadline = time.monotonic() + 30
        while "gates" not in self.host.outcome(folder).texts("step", "step") and time.monotonic() < deadline:
            time.sleep(0.1)
        self.host.shell(f"systemctl stop {UNIT}.service")
        outcome = self.host.outcome(folder)
        self.assertEqual((outcome.verdict["rolled_back"], outcome.verdict["proved"]), (True, True), str(outcome))
        self.assertIn("was told to stop", outcome.verdict["what"])
        self.same(self.sums(), before)


class FullDisk(OnHost):
    """Not even the events find room."""

    def test_the_verdict_still_does(self):
        self.host.shell(f"mkdir -p {STATE} && mount -t tmpfs -o size=4m,mode=700 tmpfs {STATE}")
        lab = Lab(self.host).want(packages=["nginx"])
        lab.file("/etc/labctl/a.py", "x = 1\n" + "#" * 300_000, check="python")
        folder = self.host.push(lab.request, lab.files)
        self.host.shell(
            f"mkdir {folder}/files/x; dd if=/dev/zero of={STATE}/fill bs=1M count=3 2>&1; "
            f"dd if=/dev/zero of={STATE}/fill2 bs=4k 2>&1 count=14",
            check=False,
        )
        self.host.start(folder)
        outcome = self.host.outcome(folder)
        self.assertIsNotNone(outcome.verdict, str(outcome))
        self.assertIn("disk is full", outcome.verdict["what"])


class Killed(OnHost):
    """`kill -9` of the agent in a phase, then the same request again.

    Exhaustive tests do it in each phase; else those come first that `host::fire` cannot hold an apply at.
    """

    def lab(self, version, digest):
        """A lab of which every part is of this version alone."""
        secret = {"path": "/etc/labctl/app.env", "key": "TOKEN", "mode": "0600", "owner": "root", "group": "root"}
        lab = with_app(with_nginx(self.host, version), version, digest=digest)
        return lab.user(f"user{version}", add=[KEY.format(version)]).want(secrets=[secret])

    def test_each_phase(self):
        phases = "packages secrets environments units done"
        if "LABCTL_TEST_ALL" in os.environ:
            phases = "prepare packages users secrets environments check snapshot switch units certificate gates record done"
        for version, phase in enumerate(phases.split(), 1):
            with self.subTest(phase):
                digest = f"{version:012x}"
                lab = self.lab(version, digest)
                outcome = self.host.apply(lab.request, lab.files, killed_in=phase)
                self.assertEqual(self.host.shell(f"cat {STATE}/runs/{lab.request['run']}/phase"), phase)
                if phase != "done":
                    self.assertIsNone(outcome.verdict, str(outcome))
                if phase in ("units", "certificate", "gates", "record"):
                    self.assertEqual(self.host.manifest()["units"], {}, "restarts are owed")
                self.ok(self.lab(version, digest))
                self.assertEqual(self.live(), hash_of(version))
                self.assertEqual(set(self.host.manifest()["units"]), {"nginx.service", "app.service"})
                self.assertEqual(self.host.shell("readlink /opt/app"), f"/opt/labctl/app-{digest}")
        self.assertEqual(self.host.shell(f"ls {STATE}/runs | wc -l"), "5")
        self.assertEqual(self.host.shell("ls -d /opt/labctl/app-* | wc -l"), "1")
        self.assertFalse(self.host.succeeds("test -e /opt/labctl/uv-cache"))


if __name__ == "__main__":
    unittest.main(verbosity=2)
