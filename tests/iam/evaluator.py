"""Evaluates identity policies as IAM does ("Policy evaluation logic", IAM User Guide), as far as labctl's go.

A request asks for one action on one resource, with a context: `{key: value or list of values}`. Keys are compared
without regard to case, values with it. What is not known here is an error, and never a silent yes or no.
"""

import re


def is_allowed(policy, action, resource, context):
    """Says whether a policy allows a request: no statement denies it, and one allows it."""
    effects = set()
    for statement in many(policy["Statement"]):
        if statement["Effect"] not in ("Allow", "Deny") or set(statement) - {"Sid", "Effect", "Action", "Resource", "Condition"}:
            raise ValueError(f"a statement of another kind: {statement}")
        if (
            any(matches(pattern, action, fold=True) for pattern in many(statement["Action"]))
            and any(names(pattern, resource) for pattern in many(statement["Resource"]))
            and holds(statement.get("Condition", {}), context)
        ):
            effects.add(statement["Effect"])
    return effects == {"Allow"}


def many(value):
    """A list may be written as its only value."""
    return value if isinstance(value, list) else [value]


def matches(pattern, value, fold=False):
    """`*` stands for any text and `?` for one character."""
    parts = (".*" if part == "*" else "." if part == "?" else re.escape(part) for part in re.split(r"([*?])", pattern))
    return re.fullmatch("".join(parts), value, re.DOTALL | (re.IGNORECASE if fold else 0)) is not None


def names(pattern, resource):
    """Compares ARNs part by part: a `*` in one part does not reach into the next."""
    if pattern == "*":
        return True
    pattern, resource = pattern.split(":", 5), resource.split(":", 5)
    return len(pattern) == len(resource) and all(map(matches, pattern, resource))


def holds(condition, context):
    """All operators and all of their keys have to hold; one of a key's values is enough."""
    context = {key.lower(): many(value) for key, value in context.items()}
    for operator, keys in condition.items():
        for key, wanted in keys.items():
            if not compare(operator, many(wanted), context.get(key.lower())):
                return False
    return True


def compare(operator, wanted, found):
    """`found` is None where the request has no such key."""
    quantifier, _, plain = operator.rpartition(":")
    test = {"StringEquals": lambda pattern, value: pattern == value, "StringLike": matches}.get(plain)
    if test is None or quantifier not in ("", "ForAllValues", "ForAnyValue"):
        raise ValueError(f"an operator of another kind: {operator}")
    fits = [any(test(pattern, value) for pattern in wanted) for value in found or []]
    if quantifier == "ForAllValues":
        return all(fits)
    if quantifier == "" and len(fits) > 1:
        raise ValueError("a key with several values is compared without a quantifier")
    return any(fits)
