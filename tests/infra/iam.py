"""As much of IAM's evaluation as the policies of infra/iam use; an unknown construct is an error, never a yes.

Moto evaluates identity policies, too, but no conditions, and the prefix of a listing is a condition.

References
----------
AWS, "Policy evaluation logic" and "IAM JSON policy elements: Condition operators", read November 2026.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

_STATEMENT_KEYS = {"Sid", "Effect", "Action", "Resource", "Condition", "Principal"}

Context = Mapping[str, str]


def allows(policies: Sequence[Mapping[str, Any]], action: str, resource: str, **context: str) -> bool:
    """Tell whether identity policies allow a request: one statement allows it, and none denies it."""
    effects = {
        statement["Effect"]
        for policy in policies
        for statement in _statements(policy)
        if _applies(statement, action, resource, context)
    }
    return "Allow" in effects and "Deny" not in effects


def denies(policy: Mapping[str, Any], action: str, resource: str, **context: str) -> bool:
    """Tell whether a policy of a bucket denies a request, whoever makes it."""
    return any(
        statement["Effect"] == "Deny" and _applies(statement, action, resource, context)
        for statement in _statements(policy)
    )


def _statements(policy: Mapping[str, Any]) -> Sequence[Mapping[str, Any]]:
    assert policy["Version"] == "2012-10-17"
    assert set(policy) == {"Version", "Statement"}
    for statement in policy["Statement"]:
        assert set(statement) <= _STATEMENT_KEYS, statement
    return list(policy["Statement"])


def _applies(statement: Mapping[str, Any], action: str, resource: str, context: Mapping[str, str]) -> bool:
    # Keyword arguments cannot have colons: s3__prefix stands for s3:prefix, and so on.
    keys = {name.replace("__", ":").lower().replace("_", "-"): value for name, value in context.items()}
    return (
        any(_matches(pattern, action, ignore_case=True) for pattern in statement["Action"])
        and any(_matches(pattern, resource) for pattern in statement["Resource"])
        and all(
            _holds(operator, key.lower(), values, keys)
            for operator, tests in statement.get("Condition", {}).items()
            for key, values in tests.items()
        )
    )


def _holds(operator: str, key: str, values: str | list[str], context: Mapping[str, str]) -> bool:
    wanted = [values] if isinstance(values, str) else values
    present = context.get(key)
    if operator == "Null":
        return (present is None) == (wanted == ["true"])
    if operator == "StringNotEquals":
        return present is None or present not in wanted  # a negated operator holds where the key is missing
    if present is None:
        return False
    if operator == "StringEquals":
        return present in wanted
    if operator == "StringLike":
        return any(_matches(pattern, present) for pattern in wanted)
    if operator == "Bool":
        return present.lower() in wanted
    raise AssertionError(f"the evaluator does not know {operator}")


def _matches(pattern: str, value: str, *, ignore_case: bool = False) -> bool:
    translated = "".join({"*": ".*", "?": "."}.get(character, re.escape(character)) for character in pattern)
    return re.fullmatch(translated, value, re.DOTALL | (re.IGNORECASE if ignore_case else 0)) is not None
