"""Reads an event back from JSON into OpenLineage's own classes, which check as they are made."""

from __future__ import annotations

import types
import typing
from enum import Enum
from typing import Any

import attr
from openlineage.client import event_v2, facet_v2

FACET_FIELDS = frozenset({"facets", "inputFacets", "outputFacets"})


def _facet_classes() -> dict[str, type]:
    """Index every facet OpenLineage ships by the URL of its schema."""
    classes = {}
    for module in vars(facet_v2).values():
        if isinstance(module, types.ModuleType):
            for found in vars(module).values():
                if isinstance(found, type) and issubclass(found, facet_v2.BaseFacet):
                    classes[found._get_schema()] = found
    return classes


FACETS = _facet_classes()


def read_event(event: dict[str, Any]) -> event_v2.RunEvent:
    """Build a RunEvent and all in it out of parsed JSON; raise for a field missing, unknown or ill-typed."""
    read = _read(event_v2.RunEvent, event)
    assert isinstance(read, event_v2.RunEvent)
    return read


def _read(kind: Any, value: Any) -> Any:
    arguments = typing.get_args(kind)
    if arguments:
        return _read_container(typing.get_origin(kind), arguments, value)
    if attr.has(kind):
        return _read_class(kind, value)
    if isinstance(kind, type) and issubclass(kind, Enum):
        return kind(value)
    assert kind is Any or isinstance(value, kind) or (kind is float and isinstance(value, int)), (kind, value)
    return value


def _read_container(origin: Any, arguments: tuple[Any, ...], value: Any) -> Any:
    if origin is list:
        return [_read(arguments[0], item) for item in value]
    if origin is dict:
        return {key: _read(arguments[1], item) for key, item in value.items()}
    assert origin in {types.UnionType, typing.Union}, origin
    return None if value is None else _read(arguments[0], value)


def _read_class(kind: type, value: dict[str, Any]) -> Any:
    fields = {field.name: field for field in attr.fields(attr.resolve_types(kind))}
    assert value.keys() <= fields.keys(), value.keys() - fields.keys()
    arguments = {
        fields[name].alias: _read_facets(item) if name in FACET_FIELDS else _read(fields[name].type, item)
        for name, item in value.items()
        if fields[name].init
    }
    return kind(**arguments)


def _read_facets(value: dict[str, Any]) -> dict[str, Any]:
    return {name: _read_class(FACETS[facet["_schemaURL"]], facet) for name, facet in value.items()}
