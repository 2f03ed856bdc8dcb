"""A wrong request ends with exit code 2, before anything is measured or written, and one line says what was wrong."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.zennas.conftest import Run

NETWORK = "SuperConvK3BNRELU(3,8,1,1)"


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("latency", "measure", NETWORK, "--precision", "foo"), "torch has no precision 'foo', expected fp32"),
        (("export", NETWORK, "--out", "folder"), "folder is a folder, expected a file"),
        (("--log-file", "folder", "runs"), "--log-file folder is not a file"),
    ],
)
def test_wrong_requests(run: Run, arguments: tuple[str, ...], says: str) -> None:
    Path("folder").mkdir()
    code, _, err = run(*arguments)
    assert (code, err.count("\n")) == (2, 1), err
    assert says in err


@pytest.mark.parametrize(
    ("notation", "space"),
    [
        ("|nor_conv_9x9~0|+|none~0|none~1|+|none~0|none~1|none~2|", "nasbench201"),
        ("Genotype(normal=[('sep_conv_9x9', 0)], normal_concat=[2], reduce=[], reduce_concat=[2])", "darts"),
        ("201120190", "macro"),
    ],
)
def test_a_wrong_notation_is_judged_by_the_space_that_is_most_like_it(run: Run, notation: str, space: str) -> None:
    code, _, err = run("score", notation, "--proxy", "params")
    assert code == 1
    assert f"most like {space}" in err or (space == "macro" and "most like nasbench-macro" in err), err
    assert len(err) < 500
