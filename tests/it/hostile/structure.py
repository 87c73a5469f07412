"""Compares files of which one holds a hostile value and the other a harmless one: `structure.py PAIRS.json`.

The value has to stay data: a file has the same directives, keys, statements, tags and words with it as without.
Prints what has another structure, and exits with 1 if anything has.
"""

import ast
import html.parser
import json
import re
import shlex
import sys


def nginx(text):
    """Names each directive, with the number of its words and what ends it."""
    found, words, word, quote, place = [], [], None, None, 0
    while place < len(text):
        sign = text[place]
        if quote:
            if sign == "\\":
                place += 1
            elif sign == quote:
                quote = None
        elif sign in "\"'" and word is None:
            quote, word = sign, ""
        elif sign == "#" and word is None:
            place = text.find("\n", place)
        elif sign in "{};" and not (sign == "{" and word and word.endswith("$")):
            words += [word] if word is not None else []
            found.append((words[0] if words else "", len(words), sign))
            words, word = [], None
        elif sign.isspace():
            words += [word] if word is not None else []
            word = None
        else:
            word = (word or "") + sign
            place += sign == "\\"
        place += 1
    return found


def unit(text):
    """Names each line of a unit, with its words where it starts a program, and its specifiers."""
    found = []
    for line in text.splitlines():
        name, _, value = line.partition("=")
        count = len(shlex.split(value)) if name.startswith("Exec") else 1
        found.append((name if "=" in line or line.startswith(("#", "[")) else "?", count, re.findall(r"%[^%]", value.replace("%%", ""))))
    return found


def python(text):
    """Gives the statements, without the values of constants."""
    tree = ast.parse(text)
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant):
            node.value = type(node.value).__name__
    return ast.dump(tree)


def document(text):
    """Gives the types of a JSON document."""

    def shape(value):
        if isinstance(value, dict):
            return {key: shape(one) for key, one in value.items()}
        return [shape(one) for one in value] if isinstance(value, list) else type(value).__name__

    return shape(json.loads(text))


class Tags(html.parser.HTMLParser):
    """Notes the tags and the names of their attributes."""

    def __init__(self):
        super().__init__()
        self.found = []

    def handle_starttag(self, tag, attrs):
        self.found.append((tag, [name for name, _ in attrs]))

    def handle_endtag(self, tag):
        self.found.append(("/", tag))


def page(text):
    tags = Tags()
    tags.feed(text)
    return tags.found


def words(text):
    """Gives the number of words of each line, as a shell would read it."""
    return [len(shlex.split(line, comments=True)) for line in text.splitlines()]


KINDS = [
    (r"/nginx/", nginx),
    (r"\.(service|timer|socket|path|slice)$|\.service\.d/", unit),
    (r"\.py$", python),
    (r"\.json$", document),
    (r"\.html$", page),
    (r"", words),
]


def structure(path, text):
    reader = next(reader for pattern, reader in KINDS if re.search(pattern, path))
    return reader(text)


def main(file):
    with open(file, encoding="utf-8") as opened:
        pairs = json.load(opened)
    wrong = 0
    for pair in pairs:
        path, after = pair["path"], pair["after"]
        try:
            same = structure(path, pair["before"]) == structure(path, after)
            why = "another structure"
        except (ValueError, SyntaxError) as error:
            same, why = False, f"it cannot be read: {error}"
        if "\0" in after or not same:
            wrong += 1
            print(f"{path}: `{pair['field']}` = {pair['value']!r}: {why}\n{after}")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
