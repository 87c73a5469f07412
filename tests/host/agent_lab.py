"""The small lab that runs of the agent are tested with: NGINX with a certificate, a unit of an environment, a user."""

import hashlib
import json
from pathlib import Path

from agent_host import Lab

CERTIFICATE = Path(__file__).resolve().parents[2] / "templates/certificate/certificate.py"
KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJq0000000000000000000000000000000000000000 {}"
HOST = "lab.test"
NGINX = """
user www-data;
pid /run/nginx.pid;
error_log /var/log/nginx/error.log;
events {{ }}
http {{
    include /etc/nginx/mime.types;
    access_log off;
    server {{
        listen 80 default_server;
        location = /.labctl/config {{ default_type text/plain; return 200 {hash}; }}
        location / {{ return 301 https://$host$request_uri; }}
    }}
    server {{
        listen 443 ssl default_server;
        ssl_certificate /etc/labctl/tls/current/fullchain.pem;
        ssl_certificate_key /etc/labctl/tls/current/privkey.pem;
        location = / {{ default_type text/html; return 200 "page {version}"; }}
        location /app/ {{ proxy_pass http://127.0.0.1:8000; }}
    }}
}}
"""
APP = """
import http.server
class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.end_headers()
        self.wfile.write(b"app {version}")
http.server.HTTPServer(("127.0.0.1", 8000), Handler).serve_forever()
"""
UNIT = """
[Unit]
Description=app of the test
[Service]
ExecStart=/opt/app/bin/python -I /etc/labctl/app.py
Restart=always
RestartSec=1
[Install]
WantedBy=multi-user.target
"""
SETTINGS = {
    "mode": "self-signed",
    "names": [HOST],
    "certificate_name": "test-lab",
    "email": None,
    "directory": None,
    "resolvers": [],
}


def hash_of(version):
    """What NGINX tells about its configuration."""
    return hashlib.sha256(str(version).encode()).hexdigest()


def with_nginx(host, version=1, action="restart", text=NGINX, lab=None):
    """NGINX with a certificate, and gates for both."""
    lab = lab or Lab(host)
    configuration = text.format(hash=hash_of(version), version=version)
    lab.file("/usr/local/lib/labctl/certificate", CERTIFICATE.read_text(), "0755", "python")
    lab.file("/etc/labctl/certificate.json", json.dumps(SETTINGS))
    lab.file("/etc/nginx/nginx.conf", configuration, check="nginx")
    lab.unit("nginx.service", action, ["/etc/nginx/nginx.conf"])
    lab.want(
        packages=["nginx"],
        certificate=True,
        ports=[{"port": port, "unit": "nginx.service"} for port in (80, 443)],
        gates=[
            {"kind": "active", "unit": "nginx.service"},
            {"kind": "nginx", "hash": hash_of(version)},
            {"kind": "redirect", "host": HOST},
            {"kind": "certificate", "host": HOST},
            {
                "kind": "page",
                "name": "landing page",
                "url": f"https://{HOST}/",
                "status": 200,
                "contains": f"page {version}",
            },
        ],
    )
    return lab


def with_app(lab, version=1, text=APP, digest="00000000000a", requirements="six\n"):
    """A service of a Python environment behind NGINX."""
    lab.environment("app", digest, requirements)
    lab.file("/etc/labctl/app.py", text.format(version=version), check="python")
    lab.file("/etc/systemd/system/app.service", UNIT, check="unit")
    lab.unit("app.service", inputs=["/etc/labctl/app.py"])
    lab.want(
        packages=["python3-venv"],
        ports=[{"port": 8000, "unit": "app.service"}],
        gates=[
            {"kind": "active", "unit": "app.service"},
            {"kind": "loopback", "ports": [8000]},
            {
                "kind": "page",
                "name": "app",
                "url": f"https://{HOST}/app/",
                "status": 200,
                "contains": f"app {version}",
                "unit": "app.service",
            },
        ],
    )
    return lab


def whole(host, version=1):
    """Everything that a run can do on a container."""
    lab = with_app(with_nginx(host, version), version)
    lab.user("ann", sudo=True, add=[KEY.format("ann")])
    lab.file("/etc/sudoers.d/90-labctl", "ann ALL=(ALL:ALL) NOPASSWD:ALL\n", "0440", "sudoers")
    lab.file("/etc/ssh/sshd_config.d/10-labctl.conf", "PermitRootLogin no\n", check="sshd")
    lab.unit("ssh.service", "reload", ["/etc/ssh/sshd_config.d/10-labctl.conf"])
    lab.want(
        directories=[{"path": "/var/lib/app", "mode": "0700", "owner": "root", "group": "root", "renewed_with": []}],
        secrets=[{"path": "/etc/labctl/app.env", "key": "TOKEN", "mode": "0600", "owner": "root", "group": "root"}],
    )
    return lab
