"""Expressions as formulas, in MathML, which browsers draw themselves."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple, TypeAlias

from zennas.pages.expressions import Expression

Escape: TypeAlias = Callable[[str], str]
_SUM, _MATRIX_PRODUCT, _PRODUCT, _ATOM = 1, 2, 3, 4


class _Made(NamedTuple):
    """A part of a formula. binds: how tightly, from `_SUM` to `_ATOM`."""

    text: str
    binds: int


def mathml(expression: Expression, escape: Escape) -> str:
    """Return the MathML of an expression. escape: turns any text into text for HTML."""
    made = _made(expression, escape).text
    if "<mfrac>" not in made:  # all is one line high, which brackets of some fonts are not if they stretch
        made = made.replace("<mo>(", '<mo stretchy="false">(').replace("<mo>)", '<mo stretchy="false">)')
    return f'<math display="block">{made}</math>'


def _made(expression: Expression, escape: Escape) -> _Made:
    parts = [_made(argument, escape) for argument in expression.arguments]
    if not parts:
        return _Made(f"<mi>{escape(expression.name)}</mi>", _ATOM)
    known = (_ONE if len(parts) == 1 else _TWO).get(expression.name)
    if known is not None:
        return known(*parts)
    arguments = "<mo>,</mo>".join(part.text for part in parts)
    name = f"<mi>{escape(_NAMES.get(expression.name, expression.name))}</mi>"
    return _Made(f"<mrow>{name}<mo>(</mo>{arguments}<mo>)</mo></mrow>", _ATOM)


def _inside(part: _Made, least: int) -> str:
    """A part, in brackets if it binds less tightly."""
    return part.text if part.binds >= least else f"<mrow><mo>(</mo>{part.text}<mo>)</mo></mrow>"


def _infix(sign: str, binds: int) -> Callable[[_Made, _Made], _Made]:
    """What is the same whichever two of three terms are joined first needs no brackets on the right."""
    right = binds + 1 if sign == "−" else binds

    def made(x: _Made, y: _Made) -> _Made:
        return _Made(f"<mrow>{_inside(x, binds)}<mo>{sign}</mo>{_inside(y, right)}</mrow>", binds)

    return made


def _condition(sign: str) -> Callable[..., _Made]:
    """1 where it holds, otherwise 0. Against zero if there is one argument."""

    def made(x: _Made, y: _Made = _Made("<mn>0</mn>", _ATOM)) -> _Made:
        return _Made(f"<mrow><mn>1</mn><mo>[</mo>{x.text}<mo>{sign}</mo>{y.text}<mo>]</mo></mrow>", _ATOM)

    return made


def _between(sign: str) -> Callable[[_Made], _Made]:
    return lambda x: _Made(f"<mrow><mo>{sign}</mo>{x.text}<mo>{sign}</mo></mrow>", _ATOM)


def _power(x: _Made) -> _Made:
    return _Made(f"<msup>{_inside(x, _ATOM)}<mn>2</mn></msup>", _PRODUCT)


def _exponential(x: _Made) -> _Made:
    return _Made(f"<msup><mi>e</mi>{x.text}</msup>", _PRODUCT)


def _inverse(x: _Made) -> _Made:
    return _Made(f"<mfrac><mn>1</mn>{x.text}</mfrac>", _PRODUCT)


_ONE: dict[str, Callable[[_Made], _Made]] = {
    "abs": _between("|"),
    "frobenius": _between("‖"),
    "square": _power,
    "exp": _exponential,
    "inverse": _inverse,
    "heaviside": _condition("&gt;"),
    "positive": _condition("&gt;"),
    "negative": _condition("&lt;"),
}
_TWO: dict[str, Callable[[_Made, _Made], _Made]] = {
    "add": _infix("+", _SUM),
    "sub": _infix("−", _SUM),
    "mul": _infix("·", _PRODUCT),
    "matmul": _infix("×", _MATRIX_PRODUCT),
    "less": _condition("&lt;"),
    "greater": _condition("&gt;"),
    "equal": _condition("="),
}
_NAMES = {
    "sigmoid": "σ",
    "sign": "sgn",
    "numel": "#",
    "log_abs": "log abs",
    "logdet": "log det",
    "mean_abs": "mean abs",
}
"""How functions are written; the others have their own name."""
