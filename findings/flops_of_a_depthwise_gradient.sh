#!/usr/bin/env bash
# torch 2.15.0: FlopCounterMode counts the weight gradient of a convolution with groups as if it had none.
#
# Each output of a depthwise 3×3 convolution needs 9 multiplications in the forward pass; the gradient by the input and
# the gradient by the weights need as many each, so a backward pass is twice a forward pass. Expected: 2.0 for every
# number of groups, as for a convolution without groups. Seen: the gradient by the input is right, the gradient by the
# weights is counted as many times too high as there are groups. With 64 channels, a backward pass of a depthwise
# convolution comes out as 65 forward passes, and a training step of an inverted bottleneck as 9.4 times what it is, so
# that a mobile network looks far dearer to train than a dense one of as many operations. Transposed convolutions likewise.
# Seen with Python 3.11, torch 2.15.0, on a CPU.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check torch==2.15.0 numpy==2.4.6
cat >"$folder/program.py" <<'PROGRAM'
import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode


def passes(module, side=16):
    """The operations counted of a forward pass, and of the backward pass that follows."""
    images = torch.zeros(1, 64, side, side, requires_grad=True)
    with FlopCounterMode(display=False) as forward:
        out = module(images)
    with FlopCounterMode(display=False) as backward:
        out.sum().backward()
    return forward.get_total_flops(), backward.get_total_flops()


def by_hand(module, side=16):
    """Two operations for each weight and position: all convolutions here keep the size of the map."""
    return sum(2 * layer.weight.numel() * side * side for layer in module.modules() if hasattr(layer, "weight"))


for groups in (1, 2, 8, 64):
    for kind in (nn.Conv2d, nn.ConvTranspose2d):
        layer = kind(64, 64, 3, padding=1, groups=groups, bias=False)
        forward, backward = passes(layer)
        right = forward == by_hand(layer)
        print(f"{kind.__name__}, {groups} groups: forward right: {right}, backward/forward {backward / forward:.1f}")

layers = nn.Conv2d(64, 384, 1, bias=False), nn.Conv2d(384, 384, 3, padding=1, groups=384, bias=False)
bottleneck = nn.Sequential(*layers, nn.Conv2d(384, 64, 1, bias=False))
dense = nn.Sequential(nn.Conv2d(64, 92, 3, padding=1, bias=False))
for name, network in (("inverted bottleneck", bottleneck), ("dense", dense)):
    once = by_hand(network)
    print(f"{name}: a forward pass {once:,}, a training step {3 * once:,}, counted {sum(passes(network)):,}")
PROGRAM
"$folder/venv/bin/python" -W ignore "$folder/program.py" | tee "$folder/seen"
diff "$folder/seen" - <<'SEEN'
Conv2d, 1 groups: forward right: True, backward/forward 2.0
ConvTranspose2d, 1 groups: forward right: True, backward/forward 2.0
Conv2d, 2 groups: forward right: True, backward/forward 3.0
ConvTranspose2d, 2 groups: forward right: True, backward/forward 3.0
Conv2d, 8 groups: forward right: True, backward/forward 9.0
ConvTranspose2d, 8 groups: forward right: True, backward/forward 9.0
Conv2d, 64 groups: forward right: True, backward/forward 65.0
ConvTranspose2d, 64 groups: forward right: True, backward/forward 65.0
inverted bottleneck: a forward pass 26,935,296, a training step 80,805,888, counted 758,513,664
dense: a forward pass 27,131,904, a training step 81,395,712, counted 81,395,712
SEEN
