"""What an operator can configure: a dataclass, its JSON Schema, and what is wrong with what was given."""

import dataclasses
import json
import types
import typing
from dataclasses import MISSING, fields

TYPES = {str: "string", int: "integer", float: "number", bool: "boolean"}
# What the options of a setting are called in a JSON Schema.
OPTIONS = {
    "description": "description",
    "min_length": "minLength",
    "max_length": "maxLength",
    "minimum": "minimum",
    "maximum": "maximum",
    "choices": "enum",
}


def setting(*, default=MISSING, **options):
    """A setting, with its `default`, `description`, `min_length`, `max_length`, `minimum`, `maximum` or `choices`."""
    unknown = options.keys() - OPTIONS.keys()
    if unknown:
        raise TypeError(f"a setting has no {', '.join(sorted(unknown))}; there are {', '.join(OPTIONS)} and default")
    metadata = {OPTIONS[name]: value for name, value in options.items()}
    if isinstance(default, list):
        return dataclasses.field(default_factory=lambda: list(default), metadata=metadata)
    return dataclasses.field(default=default, metadata=metadata)


def port(*, default=MISSING, description: str = "A port."):
    """A whole number from 1 to 65535."""
    return setting(default=default, description=description, minimum=1, maximum=65535)


def schema_of(cls) -> dict:
    """The JSON Schema of a dataclass. What has no default has to be given."""
    hints = typing.get_type_hints(cls)
    properties, required = {}, []
    for field in fields(cls):
        schema = of_type(hints[field.name], f"{cls.__name__}.{field.name}") | dict(field.metadata)
        if field.default is not MISSING:
            schema["default"] = field.default
        elif field.default_factory is not MISSING:
            schema["default"] = field.default_factory()
        else:
            required.append(field.name)
        properties[field.name] = schema
    return {"type": "object", "additionalProperties": False, "required": required, "properties": properties}


def of_type(hint, what: str) -> dict:
    if hint in TYPES:
        return {"type": TYPES[hint]}
    arguments = typing.get_args(hint)
    if typing.get_origin(hint) is list:
        return {"type": "array", "items": of_type(arguments[0], what)}
    if isinstance(hint, types.UnionType) and types.NoneType in arguments and len(arguments) == 2:
        return {"type": [of_type(next(a for a in arguments if a is not types.NoneType), what)["type"], "null"]}
    raise TypeError(f"{what} is {hint}; a setting can be str, int, float, bool, a list of these, or one of these or None")


def read(cls, document: str):
    """The settings in a JSON document, and all that is wrong with them: pairs of a JSON pointer and a message."""
    given = json.loads(document)
    if not isinstance(given, dict):
        return None, [("", "must be an object")]
    schema = schema_of(cls)
    properties, problems, values = schema["properties"], [], {}
    for key in given.keys() - properties.keys():
        problems.append((f"/{escaped(key)}", f"unknown; there are {', '.join(properties)}"))
    problems.sort()
    for key, schema_of_one in properties.items():
        if key in given:
            problems += flaws(schema_of_one, given[key], f"/{key}")
            values[key] = float(given[key]) if schema_of_one["type"] == "number" and is_number(given[key]) else given[key]
        elif "default" not in schema_of_one:
            problems.append((f"/{key}", f"missing; it must be {wanted(schema_of_one)}"))
    return (None if problems else cls(**values)), problems


def escaped(key: str) -> str:
    """A key within a JSON pointer (RFC 6901, section 3)."""
    return key.replace("~", "~0").replace("/", "~1")


def flaws(schema: dict, value, at: str) -> list[tuple[str, str]]:
    if not fits(schema, value):
        return [(at, f"must be {wanted(schema)}")]
    if schema["type"] != "array":
        return []
    return [flaw for index, item in enumerate(value) for flaw in flaws(schema["items"], item, f"{at}/{index}")]


def is_number(value) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def fits(schema: dict, value) -> bool:
    kind = schema["type"]
    if isinstance(kind, list):
        return value is None or fits(schema | {"type": kind[0]}, value)
    if "enum" in schema and value not in schema["enum"]:
        return False
    if kind == "string":
        return isinstance(value, str) and schema.get("minLength", 0) <= len(value) <= schema.get("maxLength", len(value))
    if kind in ("integer", "number"):
        return (
            is_number(value)
            and (kind == "number" or isinstance(value, int))
            and schema.get("minimum", value) <= value <= schema.get("maximum", value)
        )
    return isinstance(value, bool if kind == "boolean" else list)


def wanted(schema: dict) -> str:
    """What a value should be, in words."""
    kind = schema["type"]
    if isinstance(kind, list):
        return wanted(schema | {"type": kind[0]})
    if "enum" in schema:
        return "one of " + ", ".join(f"`{value}`" for value in schema["enum"])
    if kind in ("integer", "number"):
        text = "a whole number" if kind == "integer" else "a number"
        low, high = schema.get("minimum"), schema.get("maximum")
        if low is not None and high is not None:
            return f"{text} from {low} to {high}"
        if low is not None:
            return f"{text} of {low} at least"
        return text if high is None else f"{text} of {high} at most"
    if kind == "string":
        return "a text that is not empty" if schema.get("minLength") else "a text"
    return "true or false" if kind == "boolean" else "a list"
