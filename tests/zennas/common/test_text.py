"""Text that terminals can show."""

from __future__ import annotations

import io

from hypothesis import given
from hypothesis import strategies as st

from zennas.common.text import plain_on, printable

texts = st.text(st.characters() | st.sampled_from("\x1b\n\r\t\x00\x7f\x9b\u202e\u2028\udcff[]:/\\"), max_size=60)


@given(texts)
def test_what_is_printed_is_printable_and_printing_it_again_changes_nothing(text: str) -> None:
    shown = printable(text)
    assert shown.isprintable()
    assert printable(shown) == shown
    assert text.isprintable() == (shown == text)


def test_escapes_name_the_character() -> None:
    assert printable("a\x1b[31mb\n\t\x9b\u202e\udcff\U000e0001") == r"a\x1b[31mb\n\t\x9b\u202e\xff\U000e0001"


@given(texts, st.sampled_from(["ascii", "latin-1", "cp1252", "utf-8"]))
def test_every_encoding_takes_every_text(text: str, encoding: str) -> None:
    raw = io.BytesIO()
    stream = io.TextIOWrapper(raw, encoding=encoding, newline="")
    plain_on(stream)
    stream.write(printable(text))
    stream.flush()
    shown = raw.getvalue().decode(encoding)
    assert all(character in shown for character in text if character.isascii() and character.isprintable())


def test_our_own_signs_are_spelled_where_an_encoding_lacks_them() -> None:
    raw = io.BytesIO()
    stream = io.TextIOWrapper(raw, encoding="ascii")
    plain_on(stream)
    stream.write("params ≤ 60k, 16×16, 23 ± 2, 1–3, é")
    stream.flush()
    assert raw.getvalue() == rb"params <= 60k, 16x16, 23 +- 2, 1-3, \xe9"
    plain_on(object())  # streams that cannot be changed are left alone
