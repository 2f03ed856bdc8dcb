"""Teachers: trained networks from timm, torchvision, a file, a training or the zoo. Imports torch."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, redirect_stdout
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from torch import nn

from PlainNet.checkpoint import fitted, our_names
from PlainNet.errors import reason
from PlainNet.masternet import build
from PlainNet.sizes import Size, size_of
from PlainNet.state_dicts import plain_names, read_state
from zennas.common.errors import ZennasError
from zennas.data import Normalisation
from zennas.data.base import Shown
from zennas.named.foreign import check_timm, foreign, timm_library
from zennas.named.models import trained_model
from zennas.named.structures import resolve

_ALONE = ("googlenet", "inception_v3")
"""Models of torchvision that warn without `init_weights`, and whose published weights need `transform_input`."""
_PUBLISHED_CLASSES = 1000


class TeacherError(ZennasError, RuntimeError):
    """A teacher cannot be loaded: its weights are missing, or its library fails."""


@dataclass(frozen=True, eq=False)
class Teacher:
    """A trained network in evaluation mode, whose weights have no gradients.

    shown: how its images are prepared.
    name: the name that users see.
    num_classes: number of its outputs. classes: their names; None if they are not known.
    """

    module: nn.Module
    shown: Shown
    name: str
    num_classes: int
    classes: tuple[str, ...] | None = None


def teacher_of(
    text: str, checkpoint: Path | None = None, resolution: Size | None = None, student: Shown | None = None
) -> Teacher:
    """Return the teacher that `text` names.

    text: "timm:NAME" or "torchvision:NAME", with the published weights; the folder of a training; a model of the zoo;
        or, together with a checkpoint, a structure or a file that contains one.
    checkpoint: a file with other weights. No code in it is run.
    resolution: size of the teacher's images in pixels; None for the teacher's own.
    student: how the images of the student are prepared; a teacher from a structure gets the same images.

    Raises TeacherError if the teacher cannot be loaded, UnavailableError if timm is not installed, UnknownNameError or
    TargetError if there is no such network, and CheckpointError if the checkpoint does not fit.
    """
    library, _, name = text.partition(":")
    if library == "timm":
        found = _of_timm(text, name, checkpoint, resolution)
    elif library == "torchvision":
        found = _of_torchvision(text, name, checkpoint)
    elif os.path.isfile(text) or "(" in text:
        found = _of_structure(text, checkpoint, student)
    else:
        model = trained_model(text, checkpoint)
        found = Teacher(model.network, model.shown, model.name, model.num_classes, model.classes)
    found.module.eval().requires_grad_(False)
    if resolution is None:
        return found
    return replace(found, shown=replace(found.shown, resolution=resolution, crop=resolution))


def _of_timm(text: str, name: str, checkpoint: Path | None, resolution: Size | None) -> Teacher:
    timm = timm_library(text)
    if ":" not in name:  # timm itself resolves hf-hub:… and local-dir:…
        check_timm(text, timm)
    sized: dict[str, Size] = {}
    if resolution is not None and _made(text, lambda: timm.create_model(name)).pretrained_cfg.get("fixed_input_size"):
        sized["img_size"] = resolution
    if checkpoint is None:
        module = _made(text, lambda: timm.create_model(name, pretrained=True, **sized))
    else:
        module = _filled(text, checkpoint, lambda n: timm.create_model(name, num_classes=n, **sized))
    facts = module.pretrained_cfg
    size = size_of(*map(int, facts["input_size"][-2:]))
    return Teacher(module, Shown(Normalisation.from_json(facts), size, size), text, module.num_classes)


def _of_torchvision(text: str, name: str, checkpoint: Path | None) -> Teacher:
    from torchvision.models import get_model, get_model_weights

    foreign(text)  # raises if there is no such model
    published = get_model_weights(name).DEFAULT

    def made(classes: int) -> nn.Module:
        # Files with 1000 classes are almost always published by torchvision.
        drawn = {"init_weights": False, "transform_input": classes == _PUBLISHED_CLASSES} if name in _ALONE else {}
        return get_model(name, weights=None, num_classes=classes, **drawn)  # type: ignore[no-any-return]

    if checkpoint is None:
        module, classes = _made(text, lambda: get_model(name, weights=published, progress=False)), _PUBLISHED_CLASSES
    else:
        module = _filled(text, checkpoint, made)
        classes = _classifier(module)[1]
    usual = published.transforms()
    side = int(getattr(module, "image_size", usual.crop_size[0]))  # vision transformers have a fixed size
    normalisation = Normalisation.from_json({"mean": usual.mean, "std": usual.std})
    return Teacher(module, Shown(normalisation, side, side), text, classes)


def _of_structure(text: str, checkpoint: Path | None, student: Shown | None) -> Teacher:
    if checkpoint is None or student is None:
        raise TeacherError(
            f"the teacher {text[:80]!r} has no weights: give their file with --teacher-weights, and the network "
            "with --teacher"
        )
    target = resolve(text)
    state = our_names(read_state(checkpoint), checkpoint)
    classes = len(state["fc_linear.bias"]) if "fc_linear.bias" in state else target.num_classes or 10
    module = build(target.structure, num_classes=classes, use_se=bool(target.use_se))
    module.load_state_dict(fitted(state, module.state_dict(), checkpoint))
    return Teacher(module, student, str(checkpoint), classes)


def _made(text: str, make: Callable[[], Any]) -> Any:
    """Return `make()`. Raises TeacherError if it fails, usually because weights cannot be downloaded."""
    try:
        with _data_only(), redirect_stdout(sys.stderr):  # torch.hub prints downloads to standard output
            return make()
    except Exception as error:  # from the connection, the hub, the file or the library
        raise TeacherError(
            f"the teacher {text} cannot be loaded: {reason(error)}; give a file with its weights with --teacher-weights"
        ) from None


@contextmanager
def _data_only() -> Iterator[None]:
    """Make the libraries load files without running code in them; not all of their versions do so by default."""
    name = "TORCH_FORCE_WEIGHTS_ONLY_LOAD"
    before = os.environ.get(name)
    os.environ[name] = "1"
    try:
        yield
    finally:
        del os.environ[name]
        if before is not None:
            os.environ[name] = before


def _filled(text: str, checkpoint: Path, make: Callable[[int], nn.Module]) -> nn.Module:
    """The network with the weights of a file, and the number of classes of those weights. Raises CheckpointError."""
    state = read_state(checkpoint)
    if "densenet" in text:  # torchvision renames these old names, too
        state = {re.sub(r"(denselayer\d+\.(?:norm|conv))\.(?=\d)", r"\1", key): value for key, value in state.items()}
    module: nn.Module = _made(text, lambda: make(_PUBLISHED_CLASSES))
    state = plain_names(state, module.state_dict().keys(), checkpoint)
    head, classes = _classifier(module)
    found = len(state[f"{head}.weight"]) if f"{head}.weight" in state else classes
    if found != classes:
        module = make(found)
    module.load_state_dict(fitted(state, module.state_dict(), checkpoint, text))
    return module


def _classifier(module: nn.Module) -> tuple[str, int]:
    """Name and number of classes of the classifier, which is the last layer."""
    layers = [(name, layer) for name, layer in module.named_modules() if isinstance(layer, (nn.Linear, nn.Conv2d))]
    name, last = layers[-1]
    return name, last.out_features if isinstance(last, nn.Linear) else last.out_channels
