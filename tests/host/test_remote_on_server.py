"""Tests the programs that labctl sends to a server on a server: a container, over SSH, with the laptop's own command.

    python3 tests/host/test_remote_on_server.py        needs root; Docker is installed where it is missing
"""

import json
import os
import sys
import time
import unittest

sys.dont_write_bytecode = True
from support import NONCE, Server, archive


@unittest.skipUnless(os.geteuid() == 0, "needs root for its container")
class OnServer(unittest.TestCase):
    """Gives a class of tests one server."""

    @classmethod
    def setUpClass(cls):
        cls.server = Server()
        cls.addClassCleanup(cls.server.close)


class TestProbe(OnServer):
    """What the probe tells of a real server."""

    def test_system(self):
        units = ["ssh.service", "no.service", "getty.target", "; ls"]
        facts = self.server.probe(packages=["sudo", "nginx"], units=units)
        self.assertEqual((facts["os"]["id"], facts["os"]["version"]), ("debian", "12"))
        self.assertEqual((facts["container"], facts["cloud_init"], facts["dpkg"]), (True, "done", {"state": "ok"}))
        self.assertEqual(list(facts["packages"]), ["sudo"])
        self.assertEqual(
            {name: [unit["load"], unit["active"], unit["enabled"]] for name, unit in facts["units"].items()},
            {
                "ssh.service": ["loaded", "active", "enabled"],
                "no.service": ["not-found", "inactive", ""],
                "getty.target": ["masked", "inactive", "masked"],
            },
        )
        absent = {"root_disk", "nginx_live", "certificate", "manifest", "running"}
        self.assertEqual(absent & set(facts), set())

    def test_files_and_links(self):
        self.server.shell(
            "mkdir -p /opt/labctl/done /opt/labctl/half && touch /opt/labctl/done/.labctl-complete"
            " && ln -sfn /opt/labctl/done /opt/a && ln -sfn /opt/labctl/half /opt/b && ln -sfn nowhere /opt/c"
            " && echo hello >/etc/x && chown 4321:ubuntu /etc/x && chmod 0640 /etc/x && ln -sf x /etc/y"
        )
        asked = [{"path": path, "sha256": "other"} for path in ("/etc/x", "/etc/y", "/etc/z")]
        facts = self.server.probe(files=asked, links=["/opt/a", "/opt/b", "/opt/c", "/etc/x"])
        self.assertEqual(facts["links"], {"/opt/a": "/opt/labctl/done"})
        self.assertEqual(sorted(facts["files"]), ["/etc/x", "/etc/y"])
        file = facts["files"]["/etc/x"]
        told = [file[name] for name in ("kind", "mode", "owner", "group", "content")]
        self.assertEqual(told, ["file", "0640", "4321", "ubuntu", "hello\n"])
        self.assertEqual(facts["files"]["/etc/y"]["kind"], "link")

    def test_packages_that_cannot_be_installed(self):
        hold = "import fcntl, time; f = open('/var/lib/dpkg/lock-frontend', 'w'); fcntl.lockf(f, 2); time.sleep(9)"
        self.server.shell(f'systemd-run --quiet --unit hold --collect python3 -c "{hold}" && sleep 0.3')
        facts = self.server.probe()
        self.server.shell("systemctl stop hold")
        self.assertEqual(facts["dpkg"]["state"], "locked")
        self.assertRegex(facts["dpkg"]["holder"], r"^python3 \(pid \d+\)$")
        self.server.shell("touch /var/lib/dpkg/updates/0001")
        self.assertEqual(self.server.probe()["dpkg"], {"state": "interrupted"})
        self.server.shell("rm /var/lib/dpkg/updates/0001; cp /var/lib/dpkg/status /root/status")
        for state, word in (("half-configured", "interrupted"), ("half-installed", "broken")):
            self.server.shell(f"sed '0,/ok installed/s//ok {state}/' /root/status >/var/lib/dpkg/status")
            self.assertEqual(self.server.probe()["dpkg"], {"state": word})
        self.server.shell("cp /root/status /var/lib/dpkg/status")

    def test_users(self):
        self.server.shell(
            "useradd -m -s /bin/bash -G sudo ann && echo ann:secret | chpasswd && usermod --expiredate 1 ann"
            " && useradd -m ben && install -d -o ben -m 0777 ~ben/.ssh && ln -s /etc/shadow ~ben/.ssh/authorized_keys"
        )
        users = self.server.probe(users=["ann", "ben", "ubuntu", "nobody-here"])["users"]
        self.assertEqual(sorted(users), ["ann", "ben", "ubuntu"])
        ann, ben, ubuntu = users["ann"], users["ben"], users["ubuntu"]
        self.assertEqual((ann["groups"], ann["expired"], ann["has_password"]), (["sudo"], True, True))
        self.assertEqual((ben["expired"], ben["authorized_keys"], ben["key_modes_ok"]), (False, [], False))
        self.assertEqual((ubuntu["has_password"], ubuntu["key_modes_ok"]), (False, True))
        self.assertRegex(ubuntu["authorized_keys"][0], "^ssh-ed25519 ")

    def test_ports_web_and_certificate(self):
        self.server.shell(
            "mkdir -p /srv/.labctl /etc/labctl/tls/self-signed && echo abc123 >/srv/.labctl/config"
            " && systemd-run --quiet --unit web --collect python3 -m http.server --directory /srv 80"
            " && cd /etc/labctl/tls/self-signed && ln -sfn self-signed ../current"
            " && openssl req -x509 -newkey rsa:2048 -nodes -keyout privkey.pem -out fullchain.pem -days 9"
            " -subj /CN=a.example -addext 'subjectAltName=DNS:a.example,IP:192.0.2.1' 2>/dev/null; sleep 0.5"
        )
        facts = self.server.probe(ports=[22, 80, 443])
        self.server.shell("systemctl stop web; rm -r /etc/labctl")
        self.assertEqual(sorted(facts["ports"]), ["22", "80"])
        self.assertEqual([facts["ports"]["80"][name] for name in ("process", "unit")], ["python3", "web.service"])
        self.assertEqual(facts["ports"]["22"]["unit"], "ssh.service")
        self.assertEqual(facts["nginx_live"], "abc123")
        certificate = facts["certificate"]
        self.assertTrue(certificate["self_signed"])
        self.assertEqual(certificate["names"], ["a.example", "192.0.2.1"])
        self.assertAlmostEqual(certificate["not_after"], facts["clock"] + 9 * 86400, delta=60)

    def test_manifest_is_looked_at(self):
        path = "/var/lib/labctl/manifest.json"
        note = {"format": 1, "files": {"/etc/hosts": {}, "/etc/systemd/system/old.service": {}}}
        note |= {"users": {"ubuntu": {}}, "units": {"cron.service": {}}, "environments": []}
        # What was proved is for the doctor alone.
        written = json.dumps({**note, "applied": {"gates": []}})
        self.server.shell(f"mkdir -p /var/lib/labctl && echo '{written}' >{path}")
        facts = self.server.probe()
        self.assertEqual(facts["manifest"], note)
        self.assertEqual(list(facts["files"]), ["/etc/hosts"])
        self.assertNotIn("content", facts["files"]["/etc/hosts"])
        self.assertEqual(sorted(facts["units"]), ["cron.service", "old.service"])
        self.assertEqual(list(facts["users"]), ["ubuntu"])
        for broken in ("[]", "{", '{"format": 2}', "\\xff"):
            self.server.shell(f"printf '{broken}' >{path}")
            self.assertNotIn("manifest", self.server.probe())
        self.server.shell(f"rm {path}")

    def test_missing_tools_cost_only_their_facts(self):
        moved = "/usr/bin/systemctl /var/lib/dpkg/status /etc/os-release /usr/lib/os-release"
        self.server.shell(f"for file in {moved}; do mv $file $file.away; done")
        try:
            facts = self.server.probe(packages=["sudo"], units=["ssh.service"], ports=[22])
        finally:
            self.server.shell(f"for file in {moved}; do mv $file.away $file; done")
        self.assertEqual((facts["packages"], facts["units"]), ({}, {}))
        self.assertEqual(facts["ports"]["22"]["process"], "sshd")

    def test_time(self):
        names = self.server.shell("ls -p /etc | grep -v /").split()
        files = [{"path": f"/etc/{name}", "sha256": "other"} for name in names]
        packages = ["sudo", "nginx", "openssl", "curl", "certbot"] * 3
        units = ["ssh", "nginx", "cron", "dbus", "jupyterhub", "systemd-logind", "systemd-journald", "labctl-metadata"]
        request = {"files": files[:20], "packages": packages, "units": [f"{name}.service" for name in units]}
        self.server.probe(**request)
        times = []
        for _ in range(5):
            start = time.monotonic()
            self.server.probe(**request)
            times.append(time.monotonic() - start)
        took = f"{min(times) * 1000:.0f} ms with its connection"
        print(f"probe of 20 files, 15 packages, 8 units: {took}", file=sys.stderr)
        self.assertLess(min(times), 2)


class TestApply(OnServer):
    """How push and follow deal with a real unit."""

    def push(self, run, seconds, verdict=True):
        request = {"run": run, "seconds": seconds, "verdict": verdict}
        return self.server.begin("push", request, archive({}))

    def ended(self, process):
        """Gives the types of the events, and the last event."""
        with process.stdout as output:
            events = [json.loads(line.decode().removeprefix(NONCE + " ")) for line in output]
        self.assertEqual(process.wait(), 0)
        return [event["type"] for event in events], events[-1]

    def test_from_push_to_verdict(self):
        types, verdict = self.ended(self.push("plain", 6))
        self.assertEqual(types, ["step", "beat", "verdict"])
        self.assertTrue(verdict["ok"])
        self.assertEqual(self.server.run("follow", {"run": "plain"})[-1], verdict)
        # The same push once more starts nothing.
        self.assertEqual(self.ended(self.push("plain", 60)), (["step", "verdict"], verdict))
        self.assertTrue({"running", "unfinished"}.isdisjoint(self.server.probe()))

    def test_a_dropped_connection_costs_nothing(self):
        process = self.push("dropped", 3)
        process.stdout.readline()
        process.kill()
        process.wait()
        process.stdout.close()
        facts = self.server.probe()
        self.assertEqual(facts["running"], {"run": "dropped"})
        cgroup = self.server.shell("cat /proc/$(systemctl show --property=MainPID --value labctl-apply)/cgroup")
        self.assertIn("/system.slice/labctl-apply.service", cgroup)
        request = {"run": "second", "seconds": 0, "verdict": True}
        self.assertEqual(
            self.server.run("push", request, archive({})), [{"type": "refused", "running": "dropped"}]
        )
        self.assertTrue(self.server.run("follow", {"run": "dropped"})[-1]["ok"])
        self.assertNotIn("second", self.server.shell("ls /var/lib/labctl/runs"))

    def test_a_killed_agent_gets_a_verdict(self):
        process = self.push("killed", 60)
        process.stdout.readline()
        self.server.shell("systemctl kill --signal=KILL labctl-apply")
        verdict = self.ended(process)[1]
        self.assertEqual((verdict["ok"], verdict["step"]), (False, "packages"))
        self.assertIn("without a verdict", verdict["what"])
        self.assertEqual(self.server.probe()["unfinished"], {"run": "killed", "phase": "packages"})
        self.assertIn("without a verdict", self.server.run("follow", {"run": "killed"})[-1]["what"])

    def test_an_agent_that_fails_leaves_its_last_words(self):
        verdict = self.ended(self.push("failing", 0, verdict=False))[1]
        self.assertEqual(verdict["log"], ["the last words"])

    def test_a_reboot_leaves_an_unfinished_run(self):
        process = self.push("rebooted", 60)
        process.stdout.readline()
        self.server.restart()
        process.stdout.close()
        process.wait()
        self.assertEqual(self.server.probe()["unfinished"]["run"], "rebooted")
        self.assertIn("without a verdict", self.server.run("follow", {"run": "rebooted"})[-1]["what"])

    def test_two_pushes_at_once_start_one(self):
        processes = [self.push("left", 1), self.push("right", 1)]
        types = sorted(self.ended(process)[0][-1] for process in processes)
        self.assertEqual(types, ["refused", "verdict"])

    def test_a_tar_that_reaches_out_starts_nothing(self):
        tar = archive({"../x": "text"})
        said = self.server.run("push", {"run": "reaching"}, tar)
        self.assertIn("may not be in it", said[0]["what"])

if __name__ == "__main__":
    unittest.main()
