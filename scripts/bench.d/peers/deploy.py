"""The same 15 files, 10 packages and 6 services as in site.yaml, for pyinfra."""

from pyinfra.operations import apt, files, systemd

SETTINGS = {"domain": "lab.example.org", "memory_limit": "64M", "ports": [9000, 9100]}
PACKAGES = "nginx certbot python3-venv python3-dnspython nftables unattended-upgrades acl git rsync openssl"

apt.packages(name="Packages", packages=PACKAGES.split(), update=True, cache_time=86400, _sudo=True)
files.directory(name="Folder", path="/etc/bench", mode="755", _sudo=True)
for number in range(1, 10):
    path = f"/etc/bench/part-{number}.conf"
    files.template(name=path, src="templates/part.conf.j2", dest=path, mode="644", number=number, _sudo=True, **SETTINGS)
for number in range(1, 7):
    unit = f"bench-worker-{number}.service"
    path = f"/etc/systemd/system/{unit}"
    written = files.template(name=path, src="templates/worker.service.j2", dest=path, mode="644", number=number, _sudo=True, **SETTINGS)
    systemd.service(name=unit, service=unit, running=True, enabled=True, _sudo=True)
    systemd.service(name=f"{unit} anew", service=unit, restarted=True, daemon_reload=True, _if=written.did_change, _sudo=True)
