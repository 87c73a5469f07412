"""Compares what the programs on a server think that they are asked and tell with what labctl asks and reads.

    python3 tests/host/test_messages.py SCHEMA

SCHEMA is what `labctl::host::messages::schema` gives: a JSON Schema of each request as Rust writes it, and of each answer
as Rust reads it. Names of fields must be the same on both sides. A request is written as its reader expects it; an
answer may hold less than its reader takes: an integer for a number, some of the words, no field that may be left out.
"""

import json
import re
import sys
import unittest
from pathlib import Path
from types import NoneType, UnionType
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints, is_typeddict

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "python/agent"))

from agent import messages

NAMES = {str: "string", int: "integer", float: "number", bool: "boolean"}
# Noted by the agent as it came, and read by the laptop when it compares.
UNREAD = {("NotedUnit", "inputs")}
SCHEMA = {}


class Shape:
    """A type of either side: `kind` and what belongs to it, and whether None is one of its values."""

    def __init__(self, kind, inner=None, nullable=False):
        self.kind, self.inner, self.nullable = kind, inner, nullable

    def __repr__(self):
        return f"{self.kind} {self.inner or ''}{' or null' if self.nullable else ''}".strip()


def of_python(hint, left_out=False):
    """The shape of a type of Python; None in a field that may be left out is never sent."""
    is_union = get_origin(hint) in (Union, UnionType)
    options = [each for each in get_args(hint) if each is not NoneType] if is_union else [hint]
    nullable = not left_out and is_union and NoneType in get_args(hint)
    if len(options) > 1:
        return Shape("variants", variants([of_python(option) for option in options]), nullable)
    (hint,) = options
    if is_typeddict(hint):
        hints = get_type_hints(hint)
        fields = {name: (name in hint.__required_keys__, of_python(hints[name], name in hint.__optional_keys__)) for name in hints}
        return Shape("fields", fields, nullable)
    if get_origin(hint) is Literal:
        return Shape("words", frozenset(get_args(hint)), nullable)
    if get_origin(hint) is list:
        return Shape("list", of_python(get_args(hint)[0]), nullable)
    if get_origin(hint) is dict:
        return Shape("map", of_python(get_args(hint)[1]), nullable)
    return Shape(NAMES[hint], None, nullable)


def of_schema(schema):
    """The shape of a JSON Schema as schemars writes it."""
    if "const" in schema:
        return Shape("words", frozenset([schema["const"]]))
    if "enum" in schema:
        return Shape("words", frozenset(schema["enum"]) - {None}, None in schema["enum"])
    options = schema.get("anyOf") or schema.get("oneOf")
    if options:
        shapes = [of_schema(option) for option in options if option.get("type") != "null"]
        nullable = len(shapes) < len(options) or any(shape.nullable for shape in shapes)
        if all(shape.kind == "words" for shape in shapes):
            return Shape("words", frozenset().union(*(shape.inner for shape in shapes)), nullable)
        if len(shapes) == 1:
            return Shape(shapes[0].kind, shapes[0].inner, nullable)
        return Shape("variants", variants(shapes), nullable)
    kinds = schema["type"] if isinstance(schema["type"], list) else [schema["type"]]
    nullable, (kind,) = "null" in kinds, [each for each in kinds if each != "null"]
    if kind == "array":
        return Shape("list", of_schema(schema["items"]), nullable)
    if kind == "object" and "properties" not in schema and schema.get("additionalProperties"):
        return Shape("map", of_schema(schema["additionalProperties"]), nullable)
    if kind == "object":
        required = schema.get("required", [])
        properties = schema.get("properties", {}).items()
        return Shape("fields", {name: (name in required, of_schema(inner)) for name, inner in properties}, nullable)
    return Shape(kind, None, nullable)


def variants(shapes):
    """Variants by their tag: the field `kind` or `type`, which each has with words of its own."""
    by_tag = {}
    for shape in shapes:
        tag = next(name for name in ("kind", "type") if name in shape.inner)
        for word in shape.inner[tag][1].inner:
            by_tag[word] = Shape("fields", {**shape.inner, tag: (True, Shape("words", frozenset([word])))})
    return by_tag


def differences(reader, writer, exact, place):
    """What keeps a reader from taking all that a writer may send; `exact`: the reader may not take more either."""
    found = []
    if writer.nullable and not reader.nullable:
        found.append(f"{place}: null is sent and not expected")
    if exact and reader.nullable and not writer.nullable:
        found.append(f"{place}: null is expected and never sent")
    if reader.kind != writer.kind and (exact or (reader.kind, writer.kind) != ("number", "integer")):
        return [*found, f"{place}: {writer} is sent, and {reader} expected"]
    if reader.kind in ("list", "map"):
        found += differences(reader.inner, writer.inner, exact, f"{place}[]")
    elif reader.kind == "words" and not (reader.inner == writer.inner if exact else reader.inner >= writer.inner):
        found.append(f"{place}: one of {sorted(writer.inner)} is sent, and of {sorted(reader.inner)} expected")
    elif reader.kind in ("variants", "fields"):
        expected, sent = set(reader.inner), set(writer.inner)
        found += [f"{place}.{name}: it is sent, and nobody reads it" for name in sorted(sent - expected)]
        found += [f"{place}.{name}: it is read, and nobody sends it" for name in sorted(expected - sent)]
        for name in sorted(expected & sent):
            found += member(reader.inner[name], writer.inner[name], exact, f"{place}.{name}")
    return found


def member(reader, writer, exact, place):
    """The same of one variant or one field."""
    if isinstance(reader, Shape):
        return differences(reader, writer, exact, place)
    (is_expected, reader), (is_sent, writer) = reader, writer
    found = differences(reader, writer, exact, place)
    if is_expected and not is_sent:
        found.append(f"{place}: it may be left out, and its reader needs it")
    if exact and is_sent and not is_expected:
        found.append(f"{place}: its reader thinks that it may be left out, which it never is")
    return found


class TestMessages(unittest.TestCase):
    """Both sides mean the same."""

    def test_requests_are_what_the_programs_expect(self):
        for name, schema in SCHEMA["requests"].items():
            with self.subTest(name):
                reader, writer = of_python(getattr(messages, name)), of_schema(schema)
                self.assertEqual(differences(reader, writer, True, name), [])

    def test_answers_are_what_labctl_reads(self):
        for name, schema in SCHEMA["answers"].items():
            with self.subTest(name):
                reader, writer = of_schema(schema), of_python(getattr(messages, name))
                self.assertEqual(differences(reader, writer, False, name), [])

    def test_each_field_of_a_request_is_read(self):
        modules = [path for path in (ROOT / "python/agent/agent").glob("*.py") if path.name != "messages.py"]
        words = set(re.findall(r"""["'](\w+)["']""", "".join(path.read_text() for path in modules)))
        named = {name: kind for name, kind in vars(messages).items() if is_typeddict(kind)}
        asked = set()
        for name in SCHEMA["requests"]:
            asked |= set(kinds_within(named[name]))
        unread = {(kind.__name__, field) for kind in asked for field in kind.__annotations__ if field not in words}
        self.assertEqual(unread, UNREAD)


def kinds_within(hint):
    """All TypedDicts that a type is made of."""
    if is_typeddict(hint):
        yield hint
        for inner in get_type_hints(hint).values():
            yield from kinds_within(inner)
    for inner in get_args(hint):
        if not isinstance(inner, str):
            yield from kinds_within(inner)


class TestComparison(unittest.TestCase):
    """The comparison sees what it is for."""

    def compared(self, hint: Any, schema, exact=True):
        reader, writer = of_python(hint), of_schema(schema)
        return differences(reader, writer, exact, "it")

    def test_each_kind_of_difference_is_told(self):
        text, number = {"type": "string"}, {"type": "integer"}
        port = {"type": "object", "properties": {"port": number, "unit": text}, "required": ["port", "unit"]}
        self.assertEqual(self.compared(messages.Port, port), [])
        renamed = {**port, "properties": {"port": number, "owner": text}, "required": ["port", "owner"]}
        told = ["it.owner: it is sent, and nobody reads it", "it.unit: it is read, and nobody sends it"]
        self.assertEqual(self.compared(messages.Port, renamed), told)
        self.assertIn("string is sent, and integer expected", self.compared(messages.Port, {**port, "properties": {"port": text, "unit": text}})[0])
        self.assertIn("its reader needs it", self.compared(messages.Port, {**port, "required": ["port"]})[0])
        maybe = {**port, "properties": {"port": number, "unit": {"type": ["string", "null"]}}}
        self.assertIn("null is sent and not expected", self.compared(messages.Port, maybe)[0])
        self.assertIn("one of", self.compared(messages.Https, {"enum": ["files"]})[0])
        gate = {"oneOf": [{"type": "object", "properties": {"kind": {"const": "new"}}, "required": ["kind"]}, port]}
        with self.assertRaises(StopIteration):
            self.compared(messages.Gate, gate)


if __name__ == "__main__":
    SCHEMA.update(json.loads(Path(sys.argv.pop(1)).read_text()))
    unittest.main()
