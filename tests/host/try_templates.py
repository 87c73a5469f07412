"""Renders the templates without labctl, to try a change of one at once: `try_templates.py OUT [CONTEXT.json]`.

Needs jinja2, which reads the same language as labctl's minijinja as long as a template keeps to plain statements. Each
value is written for the kind of its file, as labctl does it; a value that does not fit there is an error.
"""

import html
import json
import pathlib
import re
import shutil
import sys

import jinja2

TEMPLATES = pathlib.Path(__file__).resolve().parents[2] / "templates"

CONTEXT = {
    "lab": "do4ds-lab",
    "domain": "do4ds-lab.shop",
    "names": ["do4ds-lab.shop"],
    "tls": True,
    "redirect": True,
    "acme": True,
    "hub": {
        "path": "/jupyter",
        "base": "/jupyter/",
        "memory_limit": 2147483648,
        "cpu_limit": 1.5,
        "idle_seconds": 3600,
        "users": ["test-user", "second-user"],
        "admins": ["test-user"],
    },
    "users": [
        {"name": "test-user", "sudo": True, "bucket_access": False},
        {"name": "second-user", "sudo": False, "bucket_access": False},
    ],
    "metadata_allowed": ["root", "test-user"],
    "landing_page": True,
    "services": [{"title": "JupyterLab", "path": "/jupyter/", "text": "Notebooks in Python, in the browser."}],
    "config_hash": "0" * 64,
    "listen_ipv6": False,
}


def bare(value):
    """A value that stands alone in a configuration: nothing in it may mean something to the file's reader."""
    if isinstance(value, jinja2.Undefined):
        return value
    text = str(value)
    if not re.fullmatch(r"[A-Za-z0-9._/:@*=-]*", text):
        raise ValueError(f"`{text}` cannot stand in this file")
    return text


def writer_for(name):
    """How values are written in a template of that name."""
    if name.endswith(".py.j2"):
        return lambda value: value if isinstance(value, jinja2.Undefined) else repr(value)
    if name.endswith(".html.j2"):
        return lambda value: value if isinstance(value, jinja2.Undefined) else html.escape(str(value))
    return bare


def render(name, context):
    """Renders one template."""
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(TEMPLATES),
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        finalize=writer_for(name),
    )
    return environment.get_template(name).render(context)


def main():
    out = pathlib.Path(sys.argv[1])
    context = CONTEXT | (json.loads(pathlib.Path(sys.argv[2]).read_text()) if len(sys.argv) > 2 else {})
    for source in sorted(path for path in TEMPLATES.rglob("*") if path.is_file()):
        name = source.relative_to(TEMPLATES).as_posix()
        if name == "init.yaml.j2":
            continue
        target = out / name.removesuffix(".j2")
        target.parent.mkdir(parents=True, exist_ok=True)
        if name.endswith(".j2"):
            target.write_text(render(name, context))
        else:
            shutil.copyfile(source, target)


if __name__ == "__main__":
    main()
