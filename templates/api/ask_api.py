"""Asks the model's API as people do, and says how it answers. Written by labctl.

    ask_api.py URL    `/ping`, and the prediction of one row that the API's own description allows

It ends with one line of JSON. The API and its model are somebody else's program: nothing that it answers costs more than
what is said here, and `model_api.py`, which calls this as `nobody`, takes every other end for a refusal.
"""

import json
import math
import resource
import sys
import time
import urllib.error
import urllib.request

# What one look may take: seconds of the processor, and bytes of memory.
PROCESSOR_SECONDS = 20
MEMORY = 1 << 30
ANSWER_SECONDS = 20
LARGEST_ANSWER = 4 << 20
# The values of one row.
LARGEST_ROW = 10_000


class Broken(Exception):
    """Says what is wrong with an answer."""


def main():
    """Asks, within limits."""
    resource.setrlimit(resource.RLIMIT_CPU, (PROCESSOR_SECONDS, PROCESSOR_SECONDS))
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    try:
        answer = {"detail": check(sys.argv[1])}
    except Broken as broken:
        answer = {"why": str(broken)}
    except Exception as error:
        answer = {"why": f"the API's answers cannot be understood: {type(error).__name__}"}
    print(json.dumps(answer))
    sys.exit(0 if "detail" in answer else 1)


def check(url):
    """Asks for `/ping`, and for the prediction of one row that the API's own description allows."""
    started = time.monotonic()
    ask(url + "ping")
    row = example(ask(url + "openapi.json"))
    answer = ask(url + "predict", [row])
    predicted = answer.get("predict") if isinstance(answer, dict) else None
    if not isinstance(predicted, list) or len(predicted) != 1 or not is_value(predicted[0]):
        raise Broken(f"/predict answers {json.dumps(answer)[:200]} instead of one value for one row")
    return f"/ping and /predict in {time.monotonic() - started:.1f} s"


class NoRedirects(urllib.request.HTTPRedirectHandler):
    """Follows nobody: what is asked is on this server, and an API must not lead its look elsewhere."""

    def redirect_request(self, *_):
        return None


def is_value(value):
    """Is this something that a model predicts: a finite number or a word, alone or in a list or an object?"""
    if isinstance(value, (list, dict)):
        inner = list(value.values()) if isinstance(value, dict) else value
        return bool(inner) and all(is_value(each) for each in inner)
    return isinstance(value, (str, bool)) or (isinstance(value, (int, float)) and math.isfinite(value))


def ask(url, body=None):
    """Gets or posts JSON."""
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(url, data=data, headers={"Content-Type": "application/json"})
    path = url[len(url.rsplit("/", 1)[0]) :]
    try:
        # No proxy stands between this server and itself.
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}), NoRedirects)
        with opener.open(request, timeout=ANSWER_SECONDS) as answer:
            text = answer.read(LARGEST_ANSWER + 1)
        if len(text) > LARGEST_ANSWER:
            raise Broken(f"{path} answers more than {LARGEST_ANSWER >> 20} MiB")
        return json.loads(text)
    except urllib.error.HTTPError as error:
        said = error.read(300).decode("utf-8", "replace")
        raise Broken(f"{path} answers {error.code} {said}".strip()) from None
    except ValueError:
        raise Broken(f"{path} does not answer with JSON") from None
    except OSError as error:
        raise Broken(f"{path} does not answer: {getattr(error, 'reason', error)}") from None


def example(description):
    """Makes a row from the API's description of /predict (OpenAPI 3.1, as FastAPI and vetiver write it)."""
    try:
        body = description["paths"]["/predict"]["post"]["requestBody"]["content"]["application/json"]
        schema = resolved(body["schema"], description)
        for branch in schema.get("anyOf", []):
            if resolved(branch, description).get("type") == "array":
                schema = resolved(branch, description)
        if schema.get("type") == "array":
            schema = schema.get("items", {})
        return Row(description).value_of(schema, 0)
    except (AttributeError, IndexError, KeyError, TypeError):
        raise Broken("/openapi.json does not say what /predict takes") from None


def resolved(schema, description):
    """Follows a reference to another part of the description."""
    reference = schema.get("$ref")
    if reference is None:
        return schema
    found = description
    for part in reference.removeprefix("#/").split("/"):
        found = found[part]
    return found


class Row:
    """Makes a row of a description, and no larger one than a model takes: each part of one can be named many times."""

    def __init__(self, description):
        self.description = description
        self.left = LARGEST_ROW

    def value_of(self, schema, depth):
        """Makes a value of a schema: its example, its default, its least, or simply 1."""
        self.left -= 1
        if self.left < 0:
            raise Broken(f"/openapi.json describes a row of more than {LARGEST_ROW} values")
        schema = resolved(schema, self.description)
        if schema.get("examples"):
            return schema["examples"][0]
        for known in ("example", "default", "const"):
            if known in schema:
                return schema[known]
        for choice in ("enum", "anyOf", "oneOf", "allOf"):
            if schema.get(choice):
                first = schema[choice][0]
                return first if choice == "enum" else self.value_of(first, depth + 1)
        kind = schema.get("type")
        if kind == "object" and depth < 5:
            return {name: self.value_of(inner, depth + 1) for name, inner in schema.get("properties", {}).items()}
        if kind == "array" and depth < 5:
            return [self.value_of(schema.get("items", {}), depth + 1)]
        limit = max(schema.get("minimum", 1), schema.get("exclusiveMinimum", 0) + 1)
        return {"string": "a", "boolean": True, "null": None}.get(kind, limit)


if __name__ == "__main__":
    main()
