#!/usr/bin/env python3
"""What the model's API may answer to the program that looks at it: a real HTTP server tells lies, a real process listens."""

import contextlib
import http.server
import importlib.util
import json
import threading
import time
import unittest
from pathlib import Path
from unittest import mock

TEMPLATES = Path(__file__).resolve().parents[2] / "templates/api"


def module(name):
    """Loads one of the programs that are installed as they are."""
    spec = importlib.util.spec_from_file_location(name, TEMPLATES / f"{name}.py")
    loaded = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(loaded)
    return loaded


ask_api, model_api = module("ask_api"), module("model_api")
TAKES_A_NUMBER = {"type": "array", "items": {"type": "number"}}


def described(schema, **named):
    body = {"content": {"application/json": {"schema": schema}}}
    return {"paths": {"/predict": {"post": {"requestBody": body}}}, "components": {"schemas": named}}


def exploding():
    """Nine kinds of objects, each with 100 of the next: 10^18 values."""
    kinds = {"k9": {"type": "number"}}
    for number in range(9):
        inner = {"$ref": f"#/components/schemas/k{number + 1}"}
        kinds[f"k{number}"] = {"type": "object", "properties": {f"p{each}": inner for each in range(100)}}
    return described({"$ref": "#/components/schemas/k0"}, **kinds)


def circle():
    return described({"$ref": "#/components/schemas/a"}, a={"anyOf": [{"$ref": "#/components/schemas/a"}]})


# What /openapi.json answers, and what is said of it.
HOSTILE = {
    "nested too deeply": (b"[" * 1_000_000, "cannot be understood: RecursionError|ended the program"),
    "nested schema": (
        json.dumps(described({"type": "null"})).encode().replace(b'{"type": "null"}', b'{"anyOf":[' * 50_000 + b'{}' + b"]}" * 50_000),
        "cannot be understood: RecursionError|ended the program",
    ),
    "in a circle": (json.dumps(circle()).encode(), "RecursionError|more than 10000 values"),
    "exploding": (json.dumps(exploding()).encode(), "a row of more than 10000 values"),
    "without an end": (b"[" + b"1," * (3 << 20), "answers more than 4 MiB"),
    "a number of a million digits": (b"[" + b"9" * 1_000_000 + b"]", "does not answer with JSON|does not say"),
    "not UTF-8": (b"\xff\xfe\x00\xd8", "does not answer with JSON"),
    "a list": (b"[]", "does not say what /predict takes"),
    "null": (b"null", "does not say what /predict takes"),
    "a schema that is a number": (json.dumps(described(7)).encode(), "does not say what /predict takes"),
    "properties that are a list": (
        json.dumps(described({"type": "object", "properties": [1]})).encode(),
        "does not say what /predict takes",
    ),
    "a minimum that is a word": (json.dumps(described({"minimum": "x"})).encode(), "does not say what /predict takes"),
    "a reference to nothing": (json.dumps(described({"$ref": "#/no/where"})).encode(), "does not say what /predict takes"),
    "a reference that is a number": (json.dumps(described({"$ref": 7})).encode(), "does not say what /predict takes"),
    "no examples": (json.dumps(described({"examples": {"a": 1}})).encode(), "does not say what /predict takes"),
}


class Api(http.server.BaseHTTPRequestHandler):
    """An API that describes itself and predicts as its server says."""

    protocol_version = "HTTP/1.0"

    def log_message(self, *_):
        pass

    def do_GET(self):
        if self.path == "/ping":
            return self.answer(b'{"ping": "pong"}')
        self.server.asked.append(self.path)
        if self.server.leads_to and self.path == "/openapi.json":
            self.send_response(302)
            self.send_header("Location", self.server.leads_to)
            self.end_headers()
            return None
        if self.server.drips:
            return self.drip()
        return self.answer(self.server.description)

    def do_POST(self):
        self.rfile.read(int(self.headers["Content-Length"]))
        self.answer(self.server.prediction)

    def drip(self):
        """Never silent for long, and never done."""
        self.send_response(200)
        self.end_headers()
        with contextlib.suppress(OSError):
            while True:
                self.wfile.write(b" ")
                self.wfile.flush()
                time.sleep(0.2)

    def answer(self, body):
        self.send_response(200)
        self.end_headers()
        with contextlib.suppress(OSError):
            self.wfile.write(body)


class Look(unittest.TestCase):
    """Every answer that is not a prediction is a refusal, soon, and without harm to who asks."""

    def setUp(self):
        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Api)
        self.server.daemon_threads = True
        self.server.asked, self.server.leads_to, self.server.drips = [], None, False
        self.server.description = json.dumps(described(TAKES_A_NUMBER)).encode()
        self.server.prediction = b'{"predict": [1.5]}'
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        self.addCleanup(self.server.server_close)
        self.addCleanup(self.server.shutdown)
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}/"
        self.enterContext(mock.patch.object(model_api, "ASK", str(TEMPLATES / "ask_api.py")))

    def refused(self, words):
        started = time.monotonic()
        with self.assertRaisesRegex(model_api.Refused, words):
            model_api.check(self.url)
        self.assertLess(time.monotonic() - started, 20)

    def test_an_api_that_predicts_is_taken(self):
        self.assertIn("/ping and /predict in", model_api.check(self.url))

    def test_hostile_descriptions_are_refused(self):
        for name, (description, words) in HOSTILE.items():
            with self.subTest(name):
                self.server.description = description
                self.refused(words)

    def test_hostile_predictions_are_refused(self):
        deep = b'{"predict": [' + b"[" * 900_000 + b"1" + b"]" * 900_000 + b"]}"
        for prediction in (b'{"predict": [NaN]}', b'{"predict": 7}', b"7", b'{"predict": [1, 2]}', deep, b'{"predict":['):
            with self.subTest(prediction[:20]):
                self.server.prediction = prediction
                self.refused("/predict|RecursionError|ended the program")

    def test_an_api_leads_its_look_nowhere_else(self):
        self.server.leads_to = "/secret"
        self.refused("/openapi.json answers 302")
        self.assertEqual(self.server.asked, ["/openapi.json"])

    def test_an_answer_that_drips_is_given_up(self):
        self.server.drips = True
        with mock.patch.object(model_api, "LOOK_SECONDS", 2):
            self.refused("has not answered as a whole within 2 seconds")


class Rows(unittest.TestCase):
    """The row that is asked about, made of the API's own description."""

    def test_a_row_of_a_list_of_a_named_kind(self):
        penguin = {
            "type": "object",
            "properties": {"mass": {"type": "number"}, "sex": {"enum": ["male"]}, "bill": {"exclusiveMinimum": 30}},
        }
        schema = {"anyOf": [{"type": "object"}, {"type": "array", "items": {"$ref": "#/components/schemas/penguin"}}]}
        row = ask_api.example(described(schema, penguin=penguin))
        self.assertEqual(row, {"mass": 1, "sex": "male", "bill": 31})

    def test_an_example_counts_most(self):
        self.assertEqual(ask_api.example(described({"examples": [{"mass": 5}], "default": 1})), {"mass": 5})

    def test_a_description_without_predict_is_refused(self):
        with self.assertRaisesRegex(ask_api.Broken, "does not say what /predict takes"):
            ask_api.example({"paths": {}})

    def test_what_is_no_prediction(self):
        for value in (None, [], {}, float("nan"), [float("inf")], [None]):
            self.assertFalse(ask_api.is_value(value), value)
        for value in (1, 0.5, "Gentoo", True, [1, 2], {"mass": 1}):
            self.assertTrue(ask_api.is_value(value), value)


if __name__ == "__main__":
    unittest.main()
