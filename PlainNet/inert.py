"""Reading pickled files without running code from them. Imports torch.

torch's own unpickler refuses every object that is not known to be data. Objects that are often saved beside weights,
such as the flags of a program, are replaced by empty ones, so that their code is not run either.
"""

from __future__ import annotations

import pickle
import re
import tarfile
import warnings
import zipfile
from pathlib import Path
from typing import Any

import torch

from PlainNet.errors import ZennasError

_ANSI = re.compile(r"\x1b\[[0-9;]*[A-Za-z]")
"""Escape sequences for colours, which some of torch's messages contain."""
_BEGINNINGS = (b"PK", b"\x80")
"""First bytes of what torch writes: archives, and in old versions pickles. The oldest wrote tar archives."""
_OBJECT = re.compile(r"GLOBAL ([\w.]+)")
"""The name of the refused object in torch's messages."""


class CheckpointError(ZennasError, ValueError):
    """Raised if a file does not contain weights, or if its weights do not fit the network."""


class Inert:
    """Stands for an object that is not read. It accepts whatever the object was made from, and keeps nothing."""

    def __new__(cls, *arguments: Any, **named: Any) -> Inert:
        return super().__new__(cls)

    def __init__(self, *arguments: Any, **named: Any) -> None:
        pass

    def __setstate__(self, state: Any) -> None:
        pass


_BESIDE = {
    "argparse.Namespace": "argparse.Namespace",
    "datetime.datetime": "datetime.datetime",
    "datetime.timedelta": "datetime.timedelta",
    "numpy._core.multiarray._reconstruct": "numpy.ndarray",
    "numpy._core.multiarray.scalar": "numpy.generic",
    "numpy.core.multiarray._reconstruct": "numpy.ndarray",
    "numpy.core.multiarray.scalar": "numpy.generic",
    "numpy.dtype": "numpy.dtype",
    "numpy.ndarray": "numpy.ndarray",
    "pathlib.PosixPath": "pathlib.Path",
    "pathlib.PurePosixPath": "pathlib.Path",
    "pathlib.WindowsPath": "pathlib.Path",
    "pathlib._local.PosixPath": "pathlib.Path",
    "pathlib._local.WindowsPath": "pathlib.Path",
    "torch.torch_version.TorchVersion": "torch.torch_version.TorchVersion",
    "types.SimpleNamespace": "types.SimpleNamespace",
}
"""Objects that programs save beside weights, by the name in the file, with the name for messages."""
_DICTIONARIES = (
    "lightning.fabric.utilities.data.AttributeDict",
    "lightning.pytorch.utilities.parsing.AttributeDict",
    "lightning_fabric.utilities.data.AttributeDict",
    "pytorch_lightning.utilities.parsing.AttributeDict",
)
"""Lightning's classes of dictionaries, which are read as plain ones."""
_REPLACED: list[Any] = [
    *((type(shown, (Inert,), {"__module__": __name__}), name) for name, shown in _BESIDE.items()),
    *((dict, name) for name in _DICTIONARIES),
]


def read_tensors(path: Path) -> Any:
    """Return the content of a file of `torch.save` that has only tensors, plain values and objects known to be data.

    Code in the file is never executed. Raises CheckpointError, naming the object that stands in the way, if the file
    cannot be read this way.
    """
    _check_file(path)
    try:
        with warnings.catch_warnings(), torch.serialization.safe_globals(_REPLACED):
            warnings.simplefilter("ignore")  # the unpickler warns about what it then refuses
            return torch.load(path, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:  # its message recommends executing the code
        found = _OBJECT.search(str(error))
        if found is None:
            raise CheckpointError(
                f"{path} cannot be read as a checkpoint: torch did not write it, or it contains code, which is never "
                "run"
            ) from None
        raise CheckpointError(
            f"{path} cannot be read as a checkpoint: it contains the object {found[1][:100]}, whose code is never run; "
            "save only the weights, with torch.save(model.state_dict(), FILE)"
        ) from None
    except Exception as error:  # the unpickler may raise anything for a broken file
        lines = _ANSI.sub("", str(error)).strip().splitlines()
        reason = lines[0] if lines else type(error).__name__
        raise CheckpointError(f"{path} cannot be read as a checkpoint: {reason[:200]}") from None


def require_file(path: Path) -> None:
    """Raise CheckpointError if there is no file, or if it is a folder, a pipe or a device."""
    if not path.exists():
        raise CheckpointError(f"{path} does not exist")
    if not path.is_file():
        raise CheckpointError(f"{path} cannot be read as a checkpoint: it is not a regular file")


def _check_file(path: Path) -> None:
    """Raise CheckpointError for what `torch.save` does not write: other files, and archives that grow when read."""
    require_file(path)
    try:
        with path.open("rb") as file:
            start = file.read(2)
        written = start.startswith(_BEGINNINGS) or tarfile.is_tarfile(path)
        packed = zipfile.is_zipfile(path) and _is_packed(path)
    except OSError as error:
        raise CheckpointError(f"{path} cannot be read: {error.strerror or error}") from None
    if not written:
        raise CheckpointError(f"{path} cannot be read as a checkpoint: torch.save did not write it")
    if packed:
        raise CheckpointError(f"{path} cannot be read as a checkpoint: it is compressed, which torch.save never does")


def _is_packed(path: Path) -> bool:
    try:
        with zipfile.ZipFile(path) as archive:
            return any(one.compress_type != zipfile.ZIP_STORED for one in archive.infolist())
    except (zipfile.BadZipFile, ValueError, NotImplementedError):
        return False  # torch says what is wrong with it
