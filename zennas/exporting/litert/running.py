"""Running LiteRT files: in LiteRT's interpreter, and in the one for microcontrollers. Both are imported when used.

LiteRT runs with its own kernels and without delegates, which would announce themselves on the terminal. The
interpreter for microcontrollers (`tflite-micro`) runs the same kernels as the chip, apart from those that a vendor
replaces.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

import numpy as np

from latency.base import first_line
from zennas.exporting.batching import in_batches, of_size
from zennas.exporting.errors import ExportError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from zennas.accuracy.comparison import FileAnswers


def why_not() -> str | None:
    """Return None if LiteRT's interpreter is installed, else how to get it."""
    return None if find_spec("ai_edge_litert") else "ai-edge-litert is not installed: pip install 'zennas[litert]'"


def micro_is_here() -> bool:
    """Whether the interpreter for microcontrollers is installed."""
    return find_spec("tflite_micro") is not None


@dataclass(frozen=True)
class End:
    """The input or the output of a file. scale, zero_point: real = scale * (q - zero_point); 0 and 0 for float32."""

    dtype: str
    shape: tuple[int, ...]
    scale: float
    zero_point: int

    def stored(self, values: NDArray[np.float32]) -> NDArray[Any]:
        """Return real values as the file takes them."""
        if not self.scale:
            return values
        limits = np.iinfo(self.dtype)
        rounded = np.round(values / np.float32(self.scale)) + self.zero_point
        stored: NDArray[Any] = np.clip(rounded, limits.min, limits.max).astype(self.dtype)
        return stored

    def real(self, values: NDArray[Any]) -> NDArray[np.float32]:
        """Return what the file gives as real values."""
        if not self.scale:
            return values
        found: NDArray[np.float32] = np.float32(self.scale) * (values.astype(np.float32) - self.zero_point)
        return found


def ends_of(content: bytes) -> tuple[End, End]:
    """Return the input and the output of a file. Raises ExportError if LiteRT cannot load it."""
    interpreter = _litert(content)
    return _end(interpreter.get_input_details()[0]), _end(interpreter.get_output_details()[0])


def litert_answers(content: bytes) -> FileAnswers:
    """Return a function from normalised images (n, C, H, W) to logits that runs the file in LiteRT's interpreter.

    Raises ExportError if LiteRT cannot load it.
    """
    interpreter = _litert(content)
    image, logits = interpreter.get_input_details()[0], interpreter.get_output_details()[0]

    def run(batch: NDArray[Any]) -> NDArray[Any]:
        interpreter.set_tensor(image["index"], batch)
        interpreter.invoke()
        found: NDArray[Any] = interpreter.get_tensor(logits["index"])
        return found

    return _answers(_end(image), _end(logits), run)


def micro_answers(content: bytes, arena: int) -> FileAnswers:
    """Likewise in the interpreter for microcontrollers. arena: its memory in bytes.

    Raises ExportError if it cannot load the file.
    """
    from tflite_micro.python.tflite_micro import runtime

    try:
        interpreter = runtime.Interpreter.from_bytes(content, arena_size=arena)
    except Exception as error:  # bindings raise RuntimeError or ValueError without a common base
        raise ExportError(f"tflite-micro cannot load the file: {first_line(error)}") from error
    image, logits = ends_of(content)

    def run(batch: NDArray[Any]) -> NDArray[Any]:
        interpreter.set_input(batch, 0)
        interpreter.invoke()
        found: NDArray[Any] = interpreter.get_output(0)
        return found

    return _answers(image, logits, run)


def _answers(image: End, logits: End, run: Callable[[NDArray[Any]], NDArray[Any]]) -> FileAnswers:
    return in_batches(lambda images: logits.real(run(image.stored(_channels_last(images)))), image.shape[0])


def _channels_last(images: NDArray[np.float32]) -> NDArray[np.float32]:
    return np.ascontiguousarray(images.transpose(0, 2, 3, 1))


def ranges_of(
    content: bytes, batches: Iterable[NDArray[np.float32]], values: Iterable[int]
) -> dict[int, tuple[float, float]]:
    """Return the minimum and maximum of tensors of a float file over all images.

    batches: images (n, C, H, W). values: the numbers of the tensors.
    """
    interpreter = _litert(content, keep=True)
    image = interpreter.get_input_details()[0]
    low = dict.fromkeys(values, np.inf)
    high = dict.fromkeys(low, -np.inf)
    for images in of_size(batches, int(image["shape"][0])):
        interpreter.set_tensor(image["index"], _channels_last(images))
        interpreter.invoke()
        for value in low:
            found = interpreter.get_tensor(value)
            low[value] = min(low[value], float(found.min()))
            high[value] = max(high[value], float(found.max()))
    return {value: (low[value], high[value]) for value in low}


def _litert(content: bytes, keep: bool = False) -> Any:
    """LiteRT's interpreter with a file. keep: all tensors, to read them after a run."""
    from ai_edge_litert.interpreter import Interpreter, OpResolverType

    try:
        interpreter = Interpreter(
            model_content=content,
            num_threads=1,
            experimental_op_resolver_type=OpResolverType.BUILTIN_WITHOUT_DEFAULT_DELEGATES,
            experimental_preserve_all_tensors=keep,
        )
        interpreter.allocate_tensors()
    except (ValueError, RuntimeError) as error:
        raise ExportError(f"LiteRT cannot load the file: {first_line(error)}") from error
    return interpreter


def _end(details: dict[str, Any]) -> End:
    scale, zero_point = details["quantization"]
    return End(np.dtype(details["dtype"]).name, tuple(map(int, details["shape"])), float(scale), int(zero_point))
