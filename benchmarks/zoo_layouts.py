"""The published networks: whether the layout of their checkpoints loads, and their sizes next to the published ones."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory

import torch

import ZenNet
from benchmarks._zennas_layout import layout, marked_state, marks_arrived, reference_logits
from benchmarks.common import print_machine
from PlainNet import cost
from zennas.common.numbers import format_count


def main() -> None:
    print_machine()
    print("layouts are reconstructed from Zen-NAS's modules; its files of weights cannot be downloaded here\n")
    print(f"{'name':38} {'layout':17} {'parameters':>12} {'published':>9} {'FLOPs':>15} {'published':>9}")
    names, loaded = list(ZenNet.zennet_model_zoo), 0
    with TemporaryDirectory() as folder:
        for name in names:
            info = ZenNet.model_info(name)
            tensors, right = _loads(name, Path(folder))
            loaded += right
            sizes = {key: info[key] for key in ("resolution", "num_classes", "use_se")}
            counted, published = cost(info["structure"], **sizes), info["published"]
            print(
                f"{name:38} {tensors:4} tensors {'ok' if right else 'WRONG':5}{counted.params:12,} "
                f"{format_count(published['params']):>9} {counted.flops:15,} {format_count(published['flops']):>9}"
            )
        print(f"\n{loaded} of {len(names)} layouts load strictly, every tensor to its place\n")
        for name in names:
            _print_reference(name, Path(folder))
    for note in dict.fromkeys(filter(None, (ZenNet.model_info(name)["note"] for name in names))):
        found = [name.removeprefix("zennet_") for name in names if ZenNet.model_info(name)["note"] == note]
        print(f"{', '.join(found)}: {note}")


def _loads(name: str, folder: Path) -> tuple[int, bool]:
    """The number of tensors in the network's checkpoint, and whether each is loaded into its place."""
    info = ZenNet.model_info(name)
    rows = layout(info["structure"], info["num_classes"], info["use_se"])
    torch.save({"state_dict": marked_state(rows)}, folder / "marked.pth")
    return len(rows), marks_arrived(ZenNet.get_ZenNet(name, checkpoint=folder / "marked.pth"))


def _print_reference(name: str, folder: Path) -> None:
    found = reference_logits(name, folder)
    if found is None:
        return
    logits, facts = found
    first = torch.tensor(facts["logits_first8"])
    off = float((logits[:, : first.shape[1]] - first).abs().max())
    sums = float((logits.sum(1) - torch.tensor(facts["logits_sum"])).abs().max())
    print(
        f"{name}: logits off Zen-NAS's by at most {off:.1e} (the largest is {facts['logits_absmax']:.2f}), "
        f"their sums by {sums:.1e}"
    )


if __name__ == "__main__":
    main()
