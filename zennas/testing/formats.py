"""Contracts of export formats: files compute what the network does, for any batch size. Imports torch."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path

import torch
from torch import nn

from PlainNet import build, parse
from zennas.accuracy.comparison import ComparisonError, checked
from zennas.accuracy.images import noise
from zennas.common.errors import WrongSettingError
from zennas.data.base import Normalisation, Shown
from zennas.exporting.base import FORMATS, ExportJob, Format, completed
from zennas.named.models import TrainedModel
from zennas.testing.expecting import expect, expect_refused
from zennas.testing.networks import SMALL

RESOLUTION = 16
SHOWN = Shown(Normalisation((0.5, 0.5, 0.5), (0.25, 0.25, 0.25)), RESOLUTION, RESOLUTION)


def model() -> TrainedModel:
    """Return a network of all families of super-blocks with random weights and batch-norms far from the identity."""
    generator = torch.Generator().manual_seed(0)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        network = build(parse(SMALL), num_classes=10, use_se=True)
    for module in network.modules():
        if isinstance(module, nn.BatchNorm2d) and module.running_mean is not None and module.running_var is not None:
            module.running_mean.normal_(0, 0.3, generator=generator)
            module.running_var.uniform_(0.3, 2, generator=generator)
    return TrainedModel("checked", network.eval().requires_grad_(False), SHOWN, tuple("0123456789"), {})


def its_files_compute_what_the_network_does(form: Format) -> str | None:
    """Logits agree with the network's within the limit of the plan, for batches of several sizes."""
    options = completed(form, {})
    plan = form.plan(options)
    if reason := form.available(plan):
        return f"{form.name}: {reason}"
    made = model()
    job = ExportJob(made, options, plan, [noise(8, SHOWN) for _ in range(4)] if plan.calibrated else ())
    content = form.make(job)
    try:
        checked(made, form.load(content), noise(8, SHOWN), "noise", plan.limit, plan.most)
    except ComparisonError as error:
        raise AssertionError(f"{form.name}: {error}") from error
    json.dumps(form.facts(content, job), allow_nan=False)
    return None


def it_is_what_its_interface_says(form: Format) -> str | None:
    """Name, summary, suffix and usage are valid; unknown options are refused."""
    expect(FORMATS.get(form.name) is form, f"{form.name} is registered under another name than its own")
    expect(form.summary and "\n" not in form.summary, f"{form.name} has no summary in one line")
    suffix = form.plan(completed(form, {})).suffix
    expect(
        re.fullmatch(r"(\.[a-z0-9-]+)+", suffix),
        f"files of {form.name} end in {suffix!r}, expected a suffix like .mine.onnx",
    )
    others = [
        other.name for other in FORMATS if other is not form and other.plan(completed(other, {})).suffix == suffix
    ]
    expect(not others, f"files of {form.name} end in {suffix}, as do those of {', '.join(others)}")
    path = Path(f"folder/net{suffix}")
    expect(str(path) in form.usage(path), f"the usage of {form.name} does not name the file")
    expect_refused(WrongSettingError, lambda: completed(form, {"magic": "x"}), "magic", "an unknown option")
    return None


CONTRACTS: tuple[Callable[[Format], str | None], ...] = (
    its_files_compute_what_the_network_does,
    it_is_what_its_interface_says,
)
