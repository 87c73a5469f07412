"""Checks `labctl schema` with a JSON Schema validator that is not labctl's own. Run by scripts/test.

    test_schema.py target/debug/labctl
"""

import json
import subprocess
import sys
import unittest
from pathlib import Path

import yaml
from jsonschema import Draft202012Validator

ROOT = Path(__file__).parents[2]
LABCTL = sys.argv.pop()


def read(file):
    return yaml.safe_load(Path(file).read_text())


def parts(schema):
    """Every part of a schema that has a format."""
    if isinstance(schema, dict):
        if isinstance(schema.get("format"), str):
            yield schema
        schema = list(schema.values())
    if isinstance(schema, list):
        for part in schema:
            yield from parts(part)


class SchemaTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.schema = json.loads(subprocess.run([LABCTL, "schema"], check=True, capture_output=True).stdout)
        cls.validator = Draft202012Validator(cls.schema)

    def test_it_is_a_schema(self):
        Draft202012Validator.check_schema(self.schema)

    def test_ready_plans_fit(self):
        plans = [*ROOT.glob("plans/*.yaml"), *ROOT.glob("examples/*.yaml")]
        self.assertGreater(len(plans), 5)
        for plan in plans:
            with self.subTest(plan.name):
                self.assertEqual([error.message for error in self.validator.iter_errors(read(plan))], [])

    def test_it_refuses_what_the_parser_refuses(self):
        for name in ("kinds.yaml", "nothing.yaml", "shape.yaml"):
            with self.subTest(name):
                self.assertFalse(self.validator.is_valid(read(ROOT / "tests/it/plans_bad" / name)))

    def test_it_is_no_stricter_than_the_parser(self):
        cases = read(ROOT / "tests/it/scalars.yaml")
        seen = set()
        for schema in parts(self.schema):
            validator = Draft202012Validator(schema)
            values = [text if schema["type"] == "string" else json.loads(text) for text in cases[schema["format"]]["accepted"]]
            for value in values + schema.get("examples", []):
                with self.subTest(schema["format"], value=value):
                    self.assertTrue(validator.is_valid(value))
            seen.add(schema["format"])
        self.assertEqual(seen, set(cases))


if __name__ == "__main__":
    unittest.main()
