"""Functions that move values: views, slices, concatenation, padding, interpolation. Imports torch."""

from __future__ import annotations

from math import prod
from typing import Any

from torch import Tensor

from latency.reading.layout import Atom, lengths, merged, reshaped, whole
from latency.reading.recorder import Call, Tracked, reads
from PlainNet.ops import Add, Concat, MaxPool, Shape
from PlainNet.read_ops import ChannelShuffle, Pad, Slice, Upsample
from PlainNet.sizes import each_side, sides


@reads(
    "view", "reshape", "flatten", "squeeze", "unsqueeze", "squeeze_", "unsqueeze_", "unflatten", "reshape_as",
    "view_as",
)  # fmt: skip
def reshape(call: Call) -> None:
    """Read a change of shape that keeps the order of the elements."""
    value = call.first
    if prod(lengths(value.axes)) != call.result.numel():
        raise call.refuse(f"{call.what} of a value that was repeated")
    call.view(value, reshaped(value.axes, call.result.shape))


@reads("permute", "transpose", "movedim", "swapaxes", "moveaxis", "get_T", "get_mT", "t")
def permute(call: Call) -> None:
    """Read a change of the order of the axes."""
    value, count = call.first, len(call.first.axes)
    if call.name == "permute":
        given = call.kwargs.get("dims", call.args[1:])
        order = [int(d) % count for d in (given[0] if given and isinstance(given[0], (list, tuple)) else given)]
    elif call.name in ("transpose", "swapaxes"):
        _, one, two = call.arguments(("input", "dim0", "dim1"))
        order = list(range(count))
        order[int(one) % count], order[int(two) % count] = int(two) % count, int(one) % count
    elif call.name in ("get_mT", "get_T", "t"):
        order = [*range(count - 2), count - 1, count - 2]
    else:
        _, source, target = call.arguments(("input", "source", "destination"))
        order = list(range(count))
        order.insert(int(target) % count, order.pop(int(source) % count))
    call.view(value, tuple(value.axes[i] for i in order))


@reads("expand", "expand_as", "broadcast_to")
def expand(call: Call) -> None:
    """Read a repetition along axes of length 1, which products and sums do by themselves."""
    value = call.first
    missing = call.result.dim() - len(value.axes)
    if missing:
        raise call.refuse(f"{call.what} to more axes")
    call.hold(value)


@reads("cat", "concat", "concatenate")
def concatenate(call: Call) -> None:
    """Read a concatenation along the channels."""
    tensors, dim = call.arguments(("tensors", "dim"), 0)
    values = [call.value(tensor) for tensor in tensors]
    shapes = [call.shape(value.number) for value in values]
    where = int(dim) % len(values[0].axes)
    rest = {value.axes[:where] + value.axes[where + 1 :] for value in values}
    if call.recorder.image(values[0]) is not None and where == 1:
        numbers = [call.image(value) for value in values]
        shape = Shape(sum(call.shape(number).channels for number in numbers), call.shape(numbers[0]).size)
        call.emit(Concat(), *numbers, shape=shape)
        return
    along = all(value.axes[where] == whole("c", shape.channels) for value, shape in zip(values, shapes, strict=True))
    if not along or len(rest) != 1 or len({shape.size for shape in shapes}) != 1:
        raise call.refuse("a concatenation along anything but the channels")
    shape = Shape(sum(shape.channels for shape in shapes), shapes[0].size)
    axes = list(values[0].axes)
    axes[where] = whole("c", shape.channels)
    call.emit(Concat(), *(value.number for value in values), shape=shape, axes=tuple(axes))


@reads("stack")
def stack(call: Call) -> None:
    """Read values that become one along a new axis before their channels."""
    tensors, dim = call.arguments(("tensors", "dim"), 0)
    numbers = [call.image(call.value(tensor)) for tensor in tensors]
    shape = call.shape(numbers[0])
    if int(dim) != 1 or any(call.shape(number) != shape for number in numbers):
        raise call.refuse("a stack along anything but an axis before the channels")
    made = Shape(len(numbers) * shape.channels, shape.size)
    n, _, *rest = call.recorder.plain(numbers[0])
    outer = (Atom("c", shape.channels, len(numbers)),)
    call.emit(Concat(), *numbers, shape=made, axes=(n, outer, whole("c", shape.channels), *rest))


@reads("sum")
def total(call: Call) -> None:
    """Read a sum over the first digit of the channels: slices, and their sums."""
    _, dim, keep = call.arguments(("input", "dim", "keepdim"), None, False)
    value = call.first
    where = dim % len(value.axes) if isinstance(dim, int) else 0
    if not where or keep or not value.axes[where]:
        raise call.refuse("a sum over anything but parts of the channels")
    parts = [channels(call, value, where, i, 1, call.result, drop=True) for i in range(lengths(value.axes)[where])]
    number = parts[0].number
    for part in parts[1:]:
        number = call.recorder.emit(Add(), (number, part.number), call.shape(number), call.recorder.place)
    call.hold(Tracked(number, parts[0].axes))


@reads("chunk", "split", "split_with_sizes", "tensor_split")
def split(call: Call) -> None:
    """Read a division of the channels."""
    dim = call.kwargs.get("dim", call.args[2] if len(call.args) > 2 else 0)
    value, start = call.first, 0
    where = int(dim) % len(value.axes)
    for part in call.result:
        length = int(part.shape[where])
        channels(call, value, where, start, length, part)
        start += length


@reads("unbind")
def unbind(call: Call) -> None:
    """Read a division into single slices."""
    _, dim = call.arguments(("input", "dim"), 0)
    value = call.first
    where = int(dim) % len(value.axes)
    for i, part in enumerate(call.result):
        channels(call, value, where, i, 1, part, drop=True)


@reads("narrow")
def narrow(call: Call) -> None:
    """Read a slice of the channels."""
    _, dim, start, length = call.arguments(("input", "dim", "start", "length"))
    channels(call, call.first, int(dim) % len(call.first.axes), int(start), int(length), call.result)


def channels(
    call: Call, value: Tracked, where: int, start: int, length: int, part: Tensor, drop: bool = False
) -> Tracked:
    """Say that `part` holds some of the channels of a value: a slice of an axis whose digit is the channels' first.

    drop: whether the axis, which then has length 1, is dropped.
    """
    if where == 1 and len(value.axes[1]) > 1:  # shuffled channels
        number = call.image(value)
        value = Tracked(number, call.recorder.plain(number))
    shape, axis = call.shape(value.number), value.axes[where]
    if len(axis) != 1 or axis[0].of != "c" or axis[0].stride * axis[0].size != shape.channels:
        if not axis and (start, length) == (0, 1):
            axes = value.axes[:where] + value.axes[where + 1 :] if drop else value.axes
            return call.hold(Tracked(value.number, axes), part)
        raise call.refuse(f"{call.what} of anything but the channels")
    stride = axis[0].stride
    kept = merged([axis[0]._replace(size=length)]) if length > 1 else ()
    axes = (*value.axes[:where], *(() if drop else (kept,)), *value.axes[where + 1 :])
    if length == axis[0].size and not drop:
        return call.hold(value, part)
    made = Shape(length * stride, shape.size)
    number = call.recorder.emit(Slice(start * stride, made.channels), (value.number,), made, call.recorder.place)
    return call.hold(Tracked(number, axes), part)


@reads("__getitem__")
def item(call: Call) -> None:
    """Read an index: slices of channels, crops, single positions of axes of length 1, and new axes."""
    value, given = call.first, call.args[1]
    index: list[Any] = list(given) if isinstance(given, tuple) else [given]
    if any(isinstance(one, Tensor) for one in index) or index.count(Ellipsis) > 1:
        raise call.refuse("an index by a tensor")
    if Ellipsis in index:
        at = index.index(Ellipsis)
        rest = len(value.axes) - sum(one is not None for one in index) + 1
        index[at : at + 1] = [slice(None)] * rest
    index += [slice(None)] * (len(value.axes) - sum(one is not None for one in index))
    crops: dict[int, tuple[int, int, int]] = {}
    now, where = value, 0
    for one in index:
        if one is None:
            now = Tracked(now.number, (*now.axes[:where], (), *now.axes[where:]))
            where += 1
            continue
        size = lengths(now.axes)[where]
        if isinstance(one, int):
            now = channels(call, now, where, one % size, 1, call.result, drop=True)
            continue
        start, stop, step = one.indices(size)
        if (start, stop, step) != (0, size, 1):
            if now.axes[where] and now.axes[where][0].of in "hw":
                crops[where] = (start, stop, step)
            elif step != 1:
                raise call.refuse("a slice with steps")
            else:
                now = channels(call, now, where, start, stop - start, call.result)
        where += 1
    if crops:
        now = crop(call, now, crops)
    call.view(now, now.axes)


def crop(call: Call, value: Tracked, crops: dict[int, tuple[int, int, int]]) -> Tracked:
    """Append a crop of height and width alike, and then every n-th position."""
    number = call.image(value)
    shape = call.shape(number)
    height, width = sides(shape.size)
    cuts = {(start, {2: height, 3: width}[axis] - stop, step) for axis, (start, stop, step) in crops.items()}
    if set(crops) != {2, 3} or len(cuts) != 1:
        raise call.refuse("a slice of height or width alone")
    before, after, step = cuts.pop()
    made = Shape(shape.channels, each_side(lambda side: side - before - after, shape.size))
    if before or after:
        number = call.recorder.emit(Pad(-before, -after), (number,), made, call.recorder.place)
    if step != 1:
        made = Shape(shape.channels, each_side(lambda side: -(-side // step), made.size))
        number = call.recorder.emit(MaxPool(1, step), (number,), made, call.recorder.place)
    return Tracked(number, call.recorder.plain(number))


@reads("pad", "_pad", "constant_pad_nd")
def pad(call: Call) -> None:
    """Read padding around height and width."""
    x, added, mode, fill = call.arguments(("input", "pad", "mode", "value"), "constant", None)
    value = call.value(x)
    added = [int(side) for side in added]
    if not any(added):
        call.hold(value)
        return
    number = call.image(value)
    if len(added) != 4 or added[:2] != added[2:] or mode not in ("constant", "reflect"):
        raise call.refuse(f"padding by {added} with {mode}")
    op = Pad(added[0], added[1], float(fill or 0.0), mode)
    call.emit(op, number, shape=Shape(call.shape(number).channels, call.size()))


@reads("interpolate", "upsample")
def interpolate(call: Call) -> None:
    """Read interpolation to another size."""
    x, _, _, mode, corners = call.arguments(
        ("input", "size", "scale_factor", "mode", "align_corners"), None, None, "nearest", None
    )
    number = call.image(call.value(x))
    if mode not in ("nearest", "bilinear", "bicubic") or corners:
        raise call.refuse(f"interpolation by {mode}{' with aligned corners' if corners else ''}")
    call.emit(Upsample(call.size(), mode), number, shape=Shape(call.shape(number).channels, call.size()))


@reads("channel_shuffle")
def shuffle(call: Call) -> None:
    """Read a shuffle of the channels."""
    x, groups = call.arguments(("input", "groups"))
    call.emit(ChannelShuffle(int(groups)), call.image(call.value(x)))
