"""The outcome of a design as a small table, for the terminal and for pages."""

from __future__ import annotations

from zennas.common.numbers import counted
from zennas.designing.record import Design
from zennas.runs.designs import TUNING


def rows_of(design: Design) -> list[tuple[str, str]]:
    """Return names and values, in order; without a result, only what is known before."""
    images, one = design.images, design.result
    rows = [("images", f"{images.train:,} for training, {images.test:,} for testing, {len(images.classes)} classes")]
    if one is None:
        return rows
    loss = one.file_top1 - one.top1
    rows += [
        ("file", str(one.file)),
        ("size" if one.ram_bytes is None else "flash", f"{one.bytes:,} bytes"),
        *([] if one.ram_bytes is None else [("RAM, activations", f"{one.ram_bytes:,} bytes")]),
        *([] if one.arena_bytes is None else [("RAM, with the interpreter's tables", f"{one.arena_bytes:,} bytes")]),
        ("top-1, float32", f"{one.top1:.2f} % on {counted(one.test_images, 'test image')}"),
        (f"top-1, the file in {one.precision}", f"{one.file_top1:.2f} % ({loss:+.2f} points)"),
    ]
    if one.epochs is not None:
        rows.append(("training", counted(one.epochs, "epoch")))
    if one.untuned_top1 is not None:
        kept = "kept" if one.training == TUNING else "not kept"
        tuned = f"{kept}; {one.untuned_top1:.2f} % before"
        rows.append(("quantisation-aware training", tuned))
    if one.latency is not None:
        found = one.latency
        rows.append(
            (f"latency, {found['device']}", f"{found['ms']:.4g} ms, {found['cycles']:,} cycles, by {found['compiler']}")
        )
    return [
        *rows,
        ("target", one.fits),
        *([] if one.script is None else [("run it", f"python {one.script} {one.file} PICTURE …")]),
        ("time", f"{design.seconds / 60:.1f} of {design.settings.minutes:g} min"),
    ]
