"""Runs a module on the meta device and hands each call of torch to a function that translates it. Imports torch.

`Recorder` sees the calls, `Call` is one of them, and `READERS` has the translation of each function of torch by its
name. The files of `functions/` register them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple

from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

from latency.base import LatencyError
from latency.reading.layout import Atom, Axes, lengths, plain
from PlainNet.ops import FLAT, Flatten, Node, Op, Shape
from PlainNet.read_ops import ChannelShuffle, SpaceToDepth, Unflatten
from PlainNet.sizes import Size, each_side, sides, size_of


class Tracked(NamedTuple):
    """A tensor that depends on the image: the number of its value in the graph, and how its axes hold the value."""

    number: int
    axes: Axes


Reader = Callable[["Call"], None]
READERS: dict[str, Reader] = {}
"""What translates a call, by the name of the function of torch."""


def reads(*names: str) -> Callable[[Reader], Reader]:
    """Register a function as the translation of torch's functions of these names."""

    def register(reader: Reader) -> Reader:
        for name in names:
            if name in READERS:
                raise ValueError(f"two functions read {name}")
            READERS[name] = reader
        return reader

    return register


class Recorder(TorchFunctionMode):
    """Makes the nodes of a graph while a module runs.

    name: of the network, for messages. module: on the meta device, in evaluation mode. image: the shape of an input.
    """

    def __init__(
        self, name: str, module: nn.Module, image: Shape, batch: int, originals: dict[int, Tensor] | None = None
    ) -> None:
        super().__init__()
        self.originals = originals or {}
        self.name = name
        self.batch = batch
        self.shapes = [image]
        self.nodes: list[Node] = []
        self.places: list[str] = []
        self.hidden: set[int] = set()
        """Indices of nodes that others replace, unless something else reads them."""
        self.owners: dict[int, tuple[str, str]] = {}
        self.kinds = {path: type(part).__name__ for path, part in module.named_modules()}
        self.leaves = {path for path, part in module.named_modules() if not any(True for _ in part.children())}
        self.parts = dict(module.named_modules())
        self._stack: list[str] = [""]
        self._muted: list[tuple[str, Op, Tracked]] = []
        self.composite: Callable[[nn.Module, Shape, Axes], Op | None] = lambda part, shape, axes: None
        self._values: dict[int, tuple[Tensor, Tracked, int]] = {}
        self._constants: dict[int, Tensor] = {}
        self._converted: dict[tuple[int, Size], int] = {}
        for path, part in module.named_modules():
            for own, tensor in [*part.named_parameters(recurse=False), *part.named_buffers(recurse=False)]:
                self.owners.setdefault(id(tensor), (path, own))
                self._constants[id(tensor)] = tensor
            for held in vars(part).values():
                if isinstance(held, Tensor):
                    self._constants[id(held)] = held

    # -- running -----------------------------------------------------------------------------

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        if self._muted:
            return func(*args, **kwargs)
        given = list(_tensors([args, kwargs]))
        before = [self.current(tensor) for tensor in given]
        result = func(*args, **kwargs)
        made = list(_tensors(result))
        if all(value is None for value in before):
            if made and any(id(x) not in self._constants and x.device.type == "meta" for x in given):
                raise self.refusal("a tensor that torch did not report", self.place)
            sources = {self.owners[id(x)] for x in given if id(x) in self.owners}
            for tensor in made:
                self._constants[id(tensor)] = tensor
                if len(sources) == 1:
                    self.owners[id(tensor)] = next(iter(sources))
            return result
        name = _name(func)
        if made or name.endswith("__setitem__"):
            call = Call(self, name, args, kwargs, result)
            reader = READERS.get(name)
            if reader is None:
                raise call.unknown()
            reader(call)
        return result

    def enter(self, path: str) -> None:
        """Note that the module at `path` begins."""
        self._stack.append(path)

    def begin(self, path: str, part: nn.Module, inputs: Any) -> None:
        """Read the module that begins as one operation, if it is one that `composites.py` knows."""
        value = self.find(inputs[0]) if inputs and isinstance(inputs[0], Tensor) else None
        if not self._muted and value is not None:
            op = self.composite(part, self.shapes[value.number], value.axes)
            if op is not None:
                self._muted.append((path, op, value))

    def end(self, path: str, output: Any) -> None:
        """Append the operation of a module that ends, if it was read as one."""
        if self._muted and self._muted[-1][0] == path:
            _, op, value = self._muted.pop()
            number = self.emit(op, (value.number,), self.shapes[value.number], path)
            self.put(output, Tracked(number, value.axes))

    def leave(self) -> None:
        """Note that the innermost module ends."""
        self._stack.pop()

    @property
    def place(self) -> str:
        """The path of the innermost module that runs."""
        return self._stack[-1]

    # -- values ------------------------------------------------------------------------------

    def find(self, tensor: Tensor) -> Tracked | None:
        """Return what is known of a tensor; None if it does not depend on the image."""
        found = self._values.get(id(tensor))
        return None if found is None else found[1]

    def current(self, tensor: Tensor) -> Tracked | None:
        """Return what is known of an argument. Raises LatencyError if it was changed in place through another view."""
        found = self._values.get(id(tensor))
        if found is not None and found[2] != tensor._version:
            raise self.refusal("a tensor that was changed in place through another one", self.place)
        return None if found is None else found[1]

    def put(self, tensor: Tensor, value: Tracked) -> None:
        """Note what a tensor holds, and keep it alive, so that its identity stays its own."""
        self._values[id(tensor)] = (tensor, value, tensor._version)

    def shape(self, number: int) -> Shape:
        """Return the shape of a value of the graph."""
        return self.shapes[number]

    def plain(self, number: int) -> Axes:
        """Return the axes of a tensor that holds a value as torch's layers take it."""
        return plain(self.shapes[number], self.batch)

    def image(self, value: Tracked) -> int | None:
        """Return the number of a value (C, H, W) for a tensor (N, C, H, W); None if its axes are others."""
        shape = self.shapes[value.number]
        if shape.size == FLAT:
            if value.axes != (*self.plain(value.number), (), ()):
                return None
            return self._convert(value.number, Unflatten(), Shape(shape.channels, 1))
        own = self.plain(value.number)
        if value.axes == own:
            return value.number
        return self._rearranged(value, own)

    def _rearranged(self, value: Tracked, own: Axes) -> int | None:
        """Append a shuffle of channels, or a move of squares of positions into channels, if axes are those."""
        if len(value.axes) != 4 or value.axes[0] != own[0]:
            return None
        shape, moved = self.shapes[value.number], value.axes[1]
        if value.axes[2:] == own[2:] and [atom.of for atom in moved] == ["c", "c"]:
            turns = moved[0].stride == 1 and moved[0].size == moved[1].stride
            if turns:
                return self.emit(ChannelShuffle(moved[1].size), (value.number,), shape, self.place)
        if [atom.of for atom in moved] == ["h", "w", "c"] and moved[0].size == moved[1].size:
            block = moved[0].size
            made = Shape(shape.channels * block * block, each_side(lambda side: side // block, shape.size))
            height, width = sides(made.size)
            low = (Atom("h", 1, block), Atom("w", 1, block), *own[1])
            if (moved, *value.axes[2:]) == (low, (Atom("h", block, height),), (Atom("w", block, width),)):
                return self.emit(SpaceToDepth(block), (value.number,), made, self.place)
        return None

    def position(self, value: Tracked) -> int:
        """Return the number of a value with height and width, for operations that do not mind the order of the axes."""
        shape = self.shapes[value.number]
        if shape.size == FLAT and len(value.axes) != 2:
            return self._convert(value.number, Unflatten(), Shape(shape.channels, 1))
        return value.number

    def is_learned(self, tensor: Tensor) -> bool:
        """Whether a tensor is a parameter, or computed from one."""
        path, name = self.owners.get(id(tensor), ("", ""))
        return any(name == own for own, _ in self.parts[path].named_parameters(recurse=False))

    def numbers(self, tensor: Tensor) -> tuple[float, ...] | None:
        """Return the numbers of a buffer; None for tensors that the network computes."""
        held = self.originals.get(id(tensor))
        return None if held is None else tuple(float(x) for x in held.flatten())

    def flat(self, value: Tracked) -> int | None:
        """Return the number of a flat value for a tensor (N, features); None if its axes are others."""
        shape = self.shapes[value.number]
        if shape.size == FLAT:
            return value.number if value.axes == self.plain(value.number) else None
        n, *rest = self.plain(value.number)
        if value.axes != (n, tuple(atom for axis in rest for atom in axis)):
            return None
        return self._convert(value.number, Flatten(), Shape(shape.elements, FLAT))

    def _convert(self, number: int, op: Op, shape: Shape) -> int:
        known = self._converted.get((number, shape.size))
        if known is None:
            known = self._converted[number, shape.size] = self.emit(op, (number,), shape, self.place)
        return known

    def emit(self, op: Op, inputs: tuple[int, ...], shape: Shape, path: str) -> int:
        """Append an operation. Returns the number of the value that it makes."""
        self.nodes.append(Node(op, inputs, shape, path, 0))
        self.places.append(self.place)
        self.shapes.append(shape)
        return len(self.nodes)

    # -- messages ----------------------------------------------------------------------------

    def refusal(self, what: str, place: str) -> LatencyError:
        """Return the error for something that has no operation; the caller raises it."""
        return LatencyError(f"{self.name}: {what} at {place or 'its top level'} has no operation in the op graph")


class Call:
    """One call of a function of torch on at least one tensor that depends on the image."""

    def __init__(self, recorder: Recorder, name: str, args: Any, kwargs: Any, result: Any) -> None:
        self.recorder = recorder
        self.name = name
        self.args = args
        self.kwargs = kwargs
        self.result = result

    def arguments(self, names: Sequence[str], *defaults: Any) -> list[Any]:
        """Return the arguments by name, whether passed by position or by name; `defaults` are those of the last."""
        late = dict(zip(names[len(names) - len(defaults) :], defaults, strict=True))
        given = {**late, **dict(zip(names, self.args, strict=False)), **self.kwargs}
        return [given.get(name) for name in names]

    @property
    def first(self) -> Tracked:
        """The first argument, which has to depend on the image."""
        return self.value(self.args[0] if self.args else self.kwargs.get("input"))

    def value(self, tensor: Any) -> Tracked:
        """Return what a tensor holds. Raises LatencyError if it does not depend on the image."""
        found = self.recorder.find(tensor) if isinstance(tensor, Tensor) else None
        if found is None:
            raise self.refuse(f"{self.what} of something that does not depend on the image")
        return found

    def tracked(self, tensor: Any) -> Tracked | None:
        """Return what a tensor holds; None for numbers and tensors that do not depend on the image."""
        return self.recorder.find(tensor) if isinstance(tensor, Tensor) else None

    def image(self, value: Tracked | None = None) -> int:
        """Return the number of a value (C, H, W). Raises LatencyError if the tensor is not (N, C, H, W)."""
        number = self.recorder.image(value or self.first)
        if number is None:
            raise self.refuse(f"{self.what} of a tensor that is not (N, C, H, W)")
        return number

    def shape(self, number: int) -> Shape:
        """Return the shape of a value of the graph."""
        return self.recorder.shape(number)

    def size(self) -> Size:
        """Return the size of a result (N, C, H, W). Raises LatencyError if it has other axes."""
        dims = tuple(self.result.shape)
        if len(dims) != 4:
            raise self.refuse(f"a value of {'×'.join(map(str, dims[1:]))}, not an image,")
        return size_of(int(dims[2]), int(dims[3]))

    def emit(
        self, op: Op, *inputs: int, shape: Shape | None = None, path: str | None = None, axes: Axes | None = None
    ) -> Tracked:
        """Append an operation whose value is the call's result. shape: None for that of the first input.

        path: None for the module that runs. axes: None for (N, C, H, W), or (N, features).
        """
        number = self.recorder.emit(
            op, inputs, shape or self.shape(inputs[0]), self.recorder.place if path is None else path
        )
        return self.hold(Tracked(number, self.recorder.plain(number) if axes is None else axes))

    def hold(self, value: Tracked, tensor: Tensor | None = None) -> Tracked:
        """Say what the call's result holds, or one of several results."""
        self.recorder.put(self.result if tensor is None else tensor, value)
        return value

    def view(self, value: Tracked, axes: Axes | None, tensor: Tensor | None = None) -> None:
        """Say that the result holds the same value with other axes. Raises LatencyError for None, or other lengths."""
        tensor = self.result if tensor is None else tensor
        if axes is None or lengths(axes) != tuple(tensor.shape):
            raise self.refuse(f"{self.what} that mixes channels and positions")
        self.hold(Tracked(value.number, axes), tensor)

    def owner(self, weight: Any) -> tuple[str, str]:
        """Return the path of a weight's module, and its name there; the running module for other tensors."""
        return self.recorder.owners.get(id(weight), (self.recorder.place, ""))

    def square(self, value: Any, what: str = "a window") -> int:
        """Return the one number of a pair. Raises LatencyError if the two differ."""
        sides = set(value) if isinstance(value, (list, tuple)) else {value}
        if len(sides) != 1:
            raise self.refuse(f"{what} of {'×'.join(map(str, value))}")
        return int(sides.pop())

    def window(self, value: Any) -> Size:
        """Return the size that a number or a pair says."""
        height, width = value if isinstance(value, (list, tuple)) and len(value) == 2 else (self.square(value),) * 2
        return size_of(int(height), int(width))

    @property
    def what(self) -> str:
        """What users call the function: the class of a module of torch, or the function's name."""
        place = self.recorder.place
        if place in self.recorder.leaves and place:
            return self.recorder.kinds[place]
        return self.name.strip("_")

    def refuse(self, what: str) -> LatencyError:
        """Return the error for something that has no operation; the caller raises it."""
        return self.recorder.refusal(what, self.recorder.place)

    def unknown(self) -> LatencyError:
        """Return the error for a function that nothing reads."""
        return self.refuse(self.what)


def _name(func: Any) -> str:
    name = str(getattr(func, "__name__", func))
    if name == "__get__":  # an attribute, such as Tensor.T
        name = f"get_{getattr(getattr(func, '__self__', None), '__name__', '')}"
    return name


def _tensors(value: Any) -> Iterator[Tensor]:
    if isinstance(value, Tensor):
        yield value
    elif isinstance(value, (list, tuple)):
        for one in value:
            yield from _tensors(one)
    elif isinstance(value, dict):
        for one in value.values():
            yield from _tensors(one)
