"""Reading arrays from an .npz file that may be damaged or hostile: no pickles, and memory in proportion to the file."""

from __future__ import annotations

import os
import stat
import zipfile
from pathlib import Path
from typing import IO, Any

import numpy as np
from numpy.lib import format as npy
from numpy.typing import NDArray

from PlainNet.errors import reason
from zennas.data.base import DataError

FREE = 2**26
"""Size in bytes, 64 MiB, up to which a compressed array may unfold from a file of any size."""
MOST_RATIO = 20
"""Beyond `FREE`, how many times larger an array may be than when compressed; JPEG files shrink by a few per cent."""


def read_arrays(path: Path, needed: tuple[str, ...], optional: tuple[str, ...] = ()) -> dict[str, NDArray[Any]]:
    """Return the arrays with these names; an optional one may be missing.

    Raises DataError if the file cannot be read, a needed array is missing, an array has another size than its header
    says, or it would take far more memory than the file.
    """
    wanted = f"an .npz file with {', '.join(needed)}"
    try:
        with open(_regular(path), "rb") as file:
            if file.read(len(npy.MAGIC_PREFIX)) == npy.MAGIC_PREFIX:
                raise DataError(f"{path} contains one array, expected {wanted}")
            with zipfile.ZipFile(file) as stored:
                members = {info.filename.removesuffix(".npy"): info for info in stored.infolist()}
                missing = [name for name in needed if name not in members]
                if missing:
                    raise DataError(
                        f"{path} has no {' and no '.join(missing)}, expected the arrays {', '.join(needed)}"
                    )
                return {
                    name: _array(stored, members[name], f"{name} in {path}")
                    for name in (*needed, *optional)
                    if name in members
                }
    except DataError:
        raise
    except Exception as error:  # damaged archives make zipfile and its decompressors raise nearly everything
        what = reason(error)
        if "pickle" in str(error):  # numpy would advise to run the code in it
            what = "it contains pickled objects, which are not loaded"
        raise DataError(f"{path} cannot be read as an .npz file: {what}") from None


def _regular(path: Path) -> Path:
    """Raises DataError for a pipe or a device, and OSError if there is no file."""
    if not stat.S_ISREG(os.stat(path).st_mode):
        raise DataError(f"{path} is not a regular file, expected an .npz file")
    return path


def _array(stored: zipfile.ZipFile, info: zipfile.ZipInfo, title: str) -> NDArray[Any]:
    most = max(FREE, MOST_RATIO * info.compress_size)
    with stored.open(info) as file:
        try:
            shape, dtype = _header(file)
        except ValueError as error:
            raise DataError(f"{title} is not an array: {reason(error)}") from None
        size = dtype.itemsize
        for side in shape:
            size *= side
        if size > most:
            raise DataError(
                f"{title} has {size:,} bytes according to its header, but {info.compress_size:,} bytes in the file: "
                f"expected at most {most:,}"
            )
        if dtype.hasobject:
            raise ValueError("pickled")
    with stored.open(info) as file:
        return np.asarray(npy.read_array(file, allow_pickle=False))


def _header(file: IO[bytes]) -> tuple[tuple[int, ...], np.dtype[Any]]:
    version = npy.read_magic(file)
    read = npy.read_array_header_1_0 if version == (1, 0) else npy.read_array_header_2_0
    shape, _, dtype = read(file)
    if any(side < 0 for side in shape):
        raise ValueError(f"its shape is {shape}")
    return shape, dtype
