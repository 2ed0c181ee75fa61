"""What is wrong with values, in sentences."""

from collections.abc import Iterable

from pydantic_core import ErrorDetails

# Passwords may stand here: what was given is not repeated in messages.
SECRET_KEYS = (("hub", "config"), ("hub", "db", "url"))


def problems(errors: Iterable[ErrorDetails]) -> list[str]:
    """A line for each wrong key, with what is allowed there."""
    found: dict[str, list[str]] = {}
    for error in errors:
        # A union reports each of its branches; the branches' names are no part of the key.
        path = ".".join(
            str(part) for part in error["loc"] if part not in ("int", "str", "float") and "[" not in str(part)
        )
        found.setdefault(path or "values", []).append(_sentence(error))
    return [f"{path}: {'; or '.join(dict.fromkeys(sentences))}" for path, sentences in found.items()]


def _sentence(error: ErrorDetails) -> str:
    secret = any(error["loc"][: len(key)] == key for key in SECRET_KEYS)
    given = "" if secret else f", not {error['input']!r}"
    match error["type"]:
        case "extra_forbidden":
            return "there is no such key"
        case "missing":
            return "must be set"
        case "value_error":
            return str(error["ctx"]["error"])
        case "literal_error":
            return f"must be {error['ctx']['expected']}{given}"
        case "string_type":
            return f"must be text (in quotes){given}"
        case _:
            message = error["msg"].removeprefix("Input should be ").removeprefix("a ")
            return f"must be {message}{given}"
