"""The parser: from text to a structure, `parse("SuperConvK3BNRELU(3,8,1,1)…")`.

    structure := block+
    block     := NAME "(" [label "|"] [INT ("," INT)*] [","] [branch (";" branch)*] ")"
    branch    := structure

A `Choice` has braces instead of the outer brackets: `Choice{[label "|"] branch ";" branch …}`.

The `BlockType` of a block defines which arguments and inner blocks it has. White space between tokens is ignored. Any
other text raises a `ParseError` with the column, a caret, and what was expected. `parse` also lowers the structure
once, so it only returns valid networks, or structures that become one whichever alternatives are chosen. Time and
memory are linear in the length of the text.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from PlainNet.blocktype import BlockType, block_type
from PlainNet.ir import CHOICE, BlockSpec, Structure, StructureError
from PlainNet.lowering import lower

MAX_TEXT = 100_000
MAX_DEPTH = 32
PROBE_RESOLUTION = 1024
"""`parse` checks structures on images of this side, in pixels. Smaller images may be too small for a network."""

_TOKEN = re.compile(r"\s*(?:(?P<name>[A-Za-z_][A-Za-z0-9_]*)|(?P<number>[0-9]+)|(?P<mark>[(){},;|]))")
_LABEL = re.compile(r"\s*([^(){}|,;\s]+)\s*\|")
_SPACE = re.compile(r"\s*")


class ParseError(StructureError):
    """Raised if text is not a structure. `column` counts from 1; `str(error)` marks the position with a caret."""

    def __init__(self, message: str, text: str, position: int) -> None:
        super().__init__(message)
        self.column = position + 1
        self.excerpt, offset = _excerpt(text, position)
        self.caret = " " * offset + "^"

    def __str__(self) -> str:
        return f"column {self.column}: {self.message}\n  {self.excerpt}\n  {self.caret}"

    def __reduce__(self) -> tuple[object, ...]:
        # Pickle, which passes exceptions between processes, would call __init__ with the message only.
        return _restore, (self.message, self.column, self.excerpt, self.caret)


def _restore(message: str, column: int, excerpt: str, caret: str) -> ParseError:
    error = ParseError(message, "", 0)
    error.column, error.excerpt, error.caret = column, excerpt, caret
    return error


def _excerpt(text: str, position: int, width: int = 72) -> tuple[str, int]:
    """A window of `text` around `position`, and the index of the position in the window."""
    start = max(0, min(position - width // 2, len(text) - width))
    window = text[start : start + width]
    # Line breaks and tabs would shift the caret, so every character becomes one column wide.
    window = "".join(c if c.isprintable() else " " for c in window)
    before, after = "…" * (start > 0), "…" * (start + width < len(text))
    return before + window + after, position - start + len(before)


@dataclass(frozen=True, slots=True)
class _Parsed:
    """A block and its position in the text, which messages after parsing need."""

    spec: BlockSpec
    start: int
    branches: tuple[tuple[_Parsed, ...], ...]


def parse(text: str) -> Structure:
    """Return the structure that `text` describes, for example "SuperConvK3BNRELU(3,8,1,1)SuperResK3K3(8,16,2,8,1)".

    Raises ParseError, a ValueError, if the text is not the structure of a valid network, and TypeError if `text` is not
    a string.
    """
    if not isinstance(text, str):
        raise TypeError(f"a structure is parsed from text, not from {type(text).__name__}")
    if len(text) > MAX_TEXT:
        raise ParseError(f"the text has {len(text)} characters, more than {MAX_TEXT}", text, MAX_TEXT)
    parsed = _read(text)
    structure = Structure.of(p.spec for p in parsed)
    try:
        lower(structure, resolution=PROBE_RESOLUTION, open_choices=True)
    except StructureError as error:
        raise ParseError(error.message, text, _position(parsed, error.path)) from None
    return structure


def read(text: str) -> Structure:
    """Parse `text` without checking that the blocks form a network: ten times faster, for text that was checked before.

    Raises ParseError if the text does not follow the grammar.
    """
    return Structure.of(p.spec for p in _read(text))


def _read(text: str) -> tuple[_Parsed, ...]:
    reader = _Reader(text)
    parsed = reader.branch(depth=0)
    if not reader.at_end():
        raise reader.error("expected a block or the end of the text")
    return parsed


def _position(parsed: tuple[_Parsed, ...], path: str) -> int:
    """The position of the block at the dotted index `path`, or of the innermost written block around it."""
    first, *rest = path.split(".")
    return _find(parsed[int(first)], rest).start


def _find(block: _Parsed, path: list[str]) -> _Parsed:
    if not block.branches or not path or not path[0].isdigit():
        return block
    branch = block.branches[0]
    if block_type(block.spec.kind).inner == "branches":
        branch, path = block.branches[int(path[0])], path[1:]
        if len(branch) == 1:  # a branch of one block adds no index, see blocks/containers.py
            return _find(branch[0], path)
    if not path or not path[0].isdigit():
        return branch[0]
    return _find(branch[int(path[0])], path[1:])


class _Reader:
    """A recursive-descent parser over one text."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.position = 0

    # -- grammar -----------------------------------------------------------------------------

    def branch(self, depth: int) -> tuple[_Parsed, ...]:
        """Read one or more blocks, up to a closing bracket, a semicolon or the end."""
        blocks = [self.block(depth)]
        while not self.at_end() and self.peek() not in (")", "}", ";"):
            blocks.append(self.block(depth))
        return tuple(blocks)

    def block(self, depth: int) -> _Parsed:
        start = self.skip_space()
        if depth >= MAX_DEPTH:
            raise self.error(f"blocks are nested more than {MAX_DEPTH} levels deep")
        kind = self.kind()
        opening, closing = "{}" if kind.kind == CHOICE else "()"
        self.expect(opening, f"{opening} after {kind.kind}")
        label = _LABEL.match(self.text, self.position)
        if label:
            self.position = label.end()
        args = self.numbers(kind)
        branches: tuple[tuple[_Parsed, ...], ...] = ()
        if kind.inner != "none":
            branches = self.branches(kind, depth)
        self.expect(closing, self._after_arguments(kind, closing))
        inner = tuple(tuple(p.spec for p in branch) for branch in branches)
        if kind.complete is not None:
            try:
                args = kind.complete(args, inner)
            except StructureError as error:
                raise ParseError(error.message, self.text, start) from None
        return _Parsed(BlockSpec(kind.kind, args, inner, label.group(1) if label else ""), start, branches)

    def kind(self) -> BlockType:
        found = _TOKEN.match(self.text, self.position)
        name = found.group("name") if found else None
        if found is None or name is None:
            raise self.error("expected the name of a block, like SuperResK3K3")
        try:
            kind = block_type(name)
        except StructureError as error:
            raise self.error(error.message) from None
        self.position = found.end()
        return kind

    def numbers(self, kind: BlockType) -> tuple[int, ...]:
        """Read the integer arguments. A block with `complete` may omit the last ones."""
        values: list[int] = []
        for param in kind.params:
            if kind.complete is not None and not self.peek().isdigit():
                break
            start = self.skip_space()
            values.append(self.number(f"{param.name} ({param.expected})"))
            try:
                param.check(kind.kind, values[-1])
            except StructureError as error:
                raise ParseError(error.message, self.text, start) from None
            if len(values) < len(kind.params):
                following = kind.params[len(values)]
                self.expect(",", f", and {following.name} ({following.expected})")
            elif kind.inner != "none":
                self.expect(",", ", and the inner blocks")
        return tuple(values)

    def branches(self, kind: BlockType, depth: int) -> tuple[tuple[_Parsed, ...], ...]:
        found = [self.branch(depth + 1)]
        while kind.inner == "branches" and self.peek() == ";":
            self.expect(";", ";")
            found.append(self.branch(depth + 1))
        return tuple(found)

    def _after_arguments(self, kind: BlockType, closing: str) -> str:
        if kind.inner == "none":
            return f") after the {len(kind.params)} arguments of {kind.kind}({','.join(p.name for p in kind.params)})"
        return ") or another block" if kind.inner == "sequence" else f"{closing}, ; or another block"

    # -- tokens ------------------------------------------------------------------------------

    def skip_space(self) -> int:
        found = _SPACE.match(self.text, self.position)
        assert found is not None  # the pattern matches the empty string
        self.position = found.end()
        return self.position

    def at_end(self) -> bool:
        return self.skip_space() == len(self.text)

    def peek(self) -> str:
        """The next character that is not white space, or "" at the end."""
        return self.text[self.skip_space() : self.position + 1]

    def expect(self, mark: str, description: str) -> None:
        if self.peek() != mark:
            raise self.error(f"expected {description}")
        self.position += 1

    def number(self, description: str) -> int:
        found = _TOKEN.match(self.text, self.position)
        digits = found.group("number") if found else None
        if found is None or digits is None:
            raise self.error(f"expected {description}")
        if len(digits) > 12:
            raise self.error(f"the number has {len(digits)} digits, expected {description}")
        self.position = found.end()
        return int(digits)

    def error(self, message: str) -> ParseError:
        position = self.skip_space()
        got = f", got {self.text[position]!r}" if position < len(self.text) else ", got the end of the text"
        return ParseError(message + (got if message.startswith("expected") else ""), self.text, position)
