"""Files of programs, and the published ones."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

import pytest

from PlainNet.registry import UnknownNameError
from ZeroShotProxy.programs.errors import WrongProgramError
from ZeroShotProxy.programs.files import LARGEST, load, published, text_of
from ZeroShotProxy.programs.running import Program
from ZeroShotProxy.programs.tree import parse

TEXT = """
name = "mine"
source = "this test"
program = '''
add(pre_data,
    weight)'''
to_scalar = "l2"
perturbed = "value"
batch = 4
initialisation = "own"
units = "conv-bn-relu"
"""


def write(folder: Path, text: str) -> Path:
    path = folder / "mine.toml"
    path.write_text(text)
    return path


def test_a_file_says_everything(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write(tmp_path, TEXT)
    found = load(str(path))
    assert found.program == Program(parse("add(pre_data, weight)"), "l2", "value", 4, "conv-bn-relu")
    assert (found.key, found.name, found.source, found.initialisation) == (str(path), "mine", "this test", "own")
    monkeypatch.chdir(tmp_path)
    assert load("mine.toml") is found


def test_only_the_program_is_required(tmp_path: Path) -> None:
    found = load(str(write(tmp_path, 'program = "weight"')))
    assert found.program == Program(parse("weight"), "mean", "difference", None)
    assert (found.name, found.initialisation) == ("mine", "kaiming_fan_out")


def test_a_changed_file_is_read_again(tmp_path: Path) -> None:
    before = load(str(write(tmp_path, 'program = "weight"')))
    after = load(str(write(tmp_path, 'program = "abs(weight)"')))
    assert str(after.program.tree) == "abs(weight)"
    assert before.digest != after.digest


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "it has no text `program`"),
        ("program = 3", "it has no text `program`"),
        ('program = "log(wait)"', r"unknown statistic 'wait' at character 5"),
        ('program = "weight"\nto_scaler = "l2"', r"unknown key 'to_scaler' \(did you mean to_scalar\?\)"),
        ('program = "weight"\nto_scalar = "max"', "to_scalar is 'max', expected mean or sum or l2"),
        ('program = "add(weight, flops)"', "weight is a tensor of a unit, but flops is in closed form: use one kind"),
        ('program = "flops"\nbatch = 4', "batch is for programs that read tensors, but this one reads closed forms"),
        ('program = "weight"\nperturbed = []', r"perturbed is \[\], expected difference or value"),
        ('program = "weight"\ninitialisation = "zeros"', "initialisation is 'zeros', expected own or"),
        ('program = "weight"\nunits = "conv"', "units is 'conv', expected relu-conv-bn or conv-bn-relu"),
        ('program = "weight"\nbatch = 0', "batch is 0, expected a number of images from 1"),
        ('program = "weight"\nbatch = true', "batch is True, expected a number of images"),
        ('program = "weight"\nname = "a\\nb"', "name is 'a.*b', expected a line of at most 60 characters"),
        (f'program = "weight"\nsource = "{"a" * 301}"', "expected a line of at most 300 characters"),
        ("program = ", "is not a TOML file: "),
        ("a = " + "[" * 5000, "is not a TOML file: "),
        ("#" * (LARGEST + 1), f"has more than {LARGEST} bytes"),
    ],
)
def test_bad_files_say_what_is_wrong(tmp_path: Path, text: str, says: str) -> None:
    path = write(tmp_path, text)
    with pytest.raises(WrongProgramError, match=says) as caught:
        load(str(path))
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)


def test_what_is_no_file(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    for path in (tmp_path, tmp_path / "pipe"):
        with pytest.raises(WrongProgramError, match="is not a regular file"):
            load(str(path))
    (tmp_path / "bytes.toml").write_bytes(b"\xff\xfe")
    with pytest.raises(WrongProgramError, match="is not a TOML file"):
        load(str(tmp_path / "bytes.toml"))
    with pytest.raises(UnknownNameError, match=r"nor a published program 'topprg' \(did you mean topprog"):
        load("topprg")
    for nothing in ("", "\0", "a" * 5000, "~nobody/mine.toml"):
        with pytest.raises(UnknownNameError):
            load(nothing)


def test_the_published_ones() -> None:
    assert published() == [
        "eznas_a",
        "eznas_a_weight",
        "inverse_output",
        "kl_grad_output",
        "mean_field",
        "negative_log",
        "topprog",
    ]
    for name in published():
        found = load(name.upper())
        assert found.key == name
        assert ("EZNAS" in found.source) is (name != "mean_field")
    assert str(load("eznas_a").program.tree) == "frobenius(sigmoid(logdet(sign(grad_pre_data))))"


def test_a_written_program_is_read_as_it_was(tmp_path: Path) -> None:
    program = Program(parse("square(frobenius(pre_noise))"), "l2", "value", 3)
    for chosen in (program, replace(program, batch=None), replace(program, units="conv-bn-relu")):
        path = tmp_path / "mine.toml"
        path.write_text(text_of(chosen, 'my "own" ë', "a search", "gaussian"))
        found = load(str(path))
        assert (found.program, found.name, found.source) == (chosen, 'my "own" ë', "a search")
        assert found.initialisation == "gaussian"
    closed = Program(parse("log(flops)"), "sum", batch=1)
    path.write_text(text_of(closed, "mine", "a search", "gaussian"))
    found = load(str(path))
    assert found.closed_form
    assert (found.program, found.initialisation) == (replace(closed, batch=None), "own")
    assert len(path.read_text().splitlines()) == 4
    with pytest.raises(WrongProgramError, match=r"name is .* expected a line of at most 60 characters"):
        text_of(program, "a\nb", "a search", "own")
