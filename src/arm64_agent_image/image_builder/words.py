"""Words of bash that stand for any text."""

import shlex
from collections.abc import Iterable

_ESCAPES = {ord("\n"): "\\n", ord("\r"): "\\r", ord("\t"): "\\t", ord("'"): "\\'", ord("\\"): "\\\\"}


def word(value: str) -> str:
    """The value as one word of bash; ANSI-C quoting for what is not printable ASCII."""
    if all(" " <= character <= "~" for character in value):
        return shlex.quote(value)
    return (
        "$'"
        + "".join(_ESCAPES.get(b, chr(b) if 0x20 <= b <= 0x7E else f"\\x{b:02x}") for b in value.encode())
        + "'"
    )


def words(values: Iterable[str]) -> str:
    """The argument vector as words of bash."""
    return " ".join(word(value) for value in values)
