"""Command lines with wrong values: one line, and the exit code that the documents promise."""

from __future__ import annotations

import contextlib
import io
import sys
from collections.abc import Iterator
from pathlib import Path
from random import Random

from benchmarks._hostile.cases import ODD, Case
from zennas.cli.app import main

COMMANDS = {
    "search": ["--budget-params", "--max-layers", "--proxy", "--search-space", "--strategy", "--iterations", "--config",
               "--resolution", "--workers", "--executor", "--latency-backend", "--budget-latency-ms", "--initial",
               "--resume", "--seed", "--strategy-option"],
    "score": ["--proxy", "--resolution", "--batch-size", "--gamma", "--repeats", "--device", "--precision"],
    "analyze": ["--resolution", "--num-classes"],
    "train": ["--dataset", "--epochs", "--lr", "--optimizer", "--config", "--resume", "--teacher", "--weights",
              "--mixup"],
    "eval": ["--dataset", "--checkpoint", "--batch-size", "--device", "--precision"],
    "export": ["--format", "--dataset", "--checkpoint", "--target", "--calibration-images", "--format-option"],
    "correlate": ["--table", "--space", "--proxy", "--sample", "--seeds", "--config"],
    "runs": [],
}  # fmt: skip
CODES = {0, 1, 2, 3, 4}


def lines(rng: Random, folder: Path) -> Iterator[Case]:
    texts = [text for text in ODD if isinstance(text, str) and "\x00" not in text] + [
        "-1",
        "0",
        "1e40",
        "1.5",
        "nope",
        "nope.py",
    ]
    for number in range(150):
        command = rng.choice(sorted(COMMANDS))
        words = [command]
        if command in ("score", "analyze", "train", "eval", "export", "runs"):
            words.append(rng.choice([*texts, "nope", str(folder)]))
        for flag in rng.sample(COMMANDS[command], min(len(COMMANDS[command]), rng.randint(1, 2))):
            words += [flag, rng.choice(texts)]
        if command == "search" and not {"--iterations", "--resume"} & {*words}:
            words += ["--iterations", "50"]
        if command in ("search", "train", "correlate") and "--resume" not in words:
            words += ["--save-dir", str(folder / f"made{number}")]
        yield Case(f"zennas {' '.join(words)[:150]!r}", lambda words=words: _call(words))


def _call(words: list[str]) -> None:
    out, err = io.StringIO(), io.StringIO()
    before, sys.argv = sys.argv, ["zennas", *words]
    try:
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
            main()
        code: object = 0
    except SystemExit as error:
        code = error.code or 0
    finally:
        sys.argv = before
    said = err.getvalue()
    assert code in CODES, f"exit code {code}"
    assert "Traceback" not in said, said[-300:]
    assert "--debug to see where" not in said, said[-300:]
    assert code == 0 or said.strip(), "an error without a message"
