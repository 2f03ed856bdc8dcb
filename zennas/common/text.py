"""Text as terminals can show it: control characters as escapes, and any character in any encoding.

Names of files, labels and notes come from elsewhere. Printed as they are, an ESC byte would command the terminal, and a
line feed would begin a line that looks like ours.
"""

from __future__ import annotations

import codecs

PLAIN = "zennas.plain"
"""The name of an error handler of encodings, see `plain_on`."""

_SHORT = {"\n": "\\n", "\r": "\\r", "\t": "\\t"}
_SPELLED = {
    "–": "-",
    "—": "-",
    "−": "-",
    "×": "x",
    "·": "*",
    "±": "+-",
    "≤": "<=",
    "≥": ">=",
    "→": "->",
    "…": "...",
    "²": "^2",
    "’": "'",
    "•": "*",
    "│": "|",
    "─": "-",
}
"""What stands for the characters of our own output where the encoding lacks them."""


def printable(text: str) -> str:
    """Return the text in one line, with everything that is not printable as an escape, such as `\\x1b`.

    Bytes in file names that are not text appear as `\\xff`.
    """
    return text if text.isprintable() else "".join(c if c.isprintable() else _escaped(c) for c in text)


def printable_lines(text: str) -> str:
    """Return the text like `printable`, but with its line feeds."""
    return "\n".join(map(printable, text.split("\n")))


def plain_on(stream: object) -> None:
    """Let a text stream replace characters that its encoding lacks, instead of failing: `≤` by `<=`, others by escapes.

    Streams that cannot be changed are left as they are.
    """
    change = getattr(stream, "reconfigure", None)
    if change is not None:
        change(errors=PLAIN)


def _escaped(character: str) -> str:
    code = ord(character)
    if character in _SHORT:
        return _SHORT[character]
    if 0xDC80 <= code <= 0xDCFF:  # a byte of a file name that is not text, see PEP 383
        return f"\\x{code - 0xDC00:02x}"
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"


def _replaced(error: UnicodeError) -> tuple[str, int]:
    if not isinstance(error, UnicodeEncodeError):
        raise error
    found = error.object[error.start : error.end]
    return "".join(_SPELLED.get(character) or _escaped(character) for character in found), error.end


codecs.register_error(PLAIN, _replaced)
