"""Fails where a Python file uses a name that nothing in it makes: names.py FILE

Python itself finds that out when it comes to the line, which a check of the syntax does not.
"""

import ast
import builtins
import sys

# JupyterHub gives its configuration this one.
GIVEN = {"get_config", "__file__", "__name__"}


def made(node):
    """The names that a part of a program makes, wherever it stands."""
    match node:
        case ast.Name(id=name, ctx=ast.Store()):
            return [name]
        case ast.arg(arg=name) | ast.ExceptHandler(name=name) | ast.MatchAs(name=name) | ast.MatchStar(name=name):
            return [name]
        case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name) | ast.ClassDef(name=name):
            return [name]
        case ast.alias(name=name, asname=other):
            return [other or name.split(".")[0]]
    return []


def main():
    with open(sys.argv[1], encoding="utf-8") as file:
        nodes = list(ast.walk(ast.parse(file.read())))
    known = {name for node in nodes for name in made(node)} | GIVEN | set(dir(builtins))
    unknown = [f"line {n.lineno}: {n.id}" for n in nodes if isinstance(n, ast.Name) and n.id not in known]
    if unknown:
        sys.exit(f"{sys.argv[1]}: nothing makes these names:\n" + "\n".join(unknown))


if __name__ == "__main__":
    main()
