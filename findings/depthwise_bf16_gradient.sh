#!/usr/bin/env bash
# torch 2.15.0 on a CPU with AVX-512 BF16: the gradient of a depthwise convolution with stride 2 takes many times as long
# in bfloat16 as in float32, so that mixed precision makes mobile networks train slower and not faster.
#
# oneDNN has a kernel for depthwise gradients (jit_dw), and takes it in float32 for any stride, in bfloat16 for stride 1
# only. With stride 2 in bfloat16 it takes the kernel for any convolution with groups (brgconv_strided), which computes
# each of the groups on its own. Expected: the same kernel, and at most the time of float32, as for other convolutions.
# Seen: 768 channels, 5x5, stride 2, 128 images of 16x16 pixels, channels-last, one thread: 52 ms in float32, 1,500 ms in
# bfloat16; a 1x1 convolution of 192 to 64 channels: 9.8 ms in float32, 1.9 ms in bfloat16.
# Seen with Python 3.11, torch 2.15.0, on an Intel processor with AMX. Processors without AVX-512 BF16 have other kernels.
set -euo pipefail
if ! grep -q avx512_bf16 /proc/cpuinfo; then
    echo "this processor has no AVX-512 BF16: nothing to see here"
    exit 0
fi
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check torch==2.15.0 numpy
cat >"$folder/program.py" <<'PROGRAM'
import time

import torch
from torch.nn.functional import conv2d

torch.set_num_threads(1)


def gradient(dtype, stride, images, channels):
    x = torch.randn(images, channels, 16, 16, dtype=dtype).contiguous(memory_format=torch.channels_last)
    weight = torch.randn(channels, 1, 5, 5, dtype=dtype).contiguous(memory_format=torch.channels_last)
    y = conv2d(x.requires_grad_(), weight, None, stride, 2, 1, channels)
    one = torch.ones_like(y)
    began = time.perf_counter()
    torch.autograd.grad(y, x, one)
    return time.perf_counter() - began


def seconds(dtype):
    return min(gradient(dtype, 2, 32, 768) for _ in range(3))


for dtype in (torch.float32, torch.bfloat16):
    for stride in (1, 2):
        with torch.backends.mkldnn.verbose(torch.backends.mkldnn.VERBOSE_ON):
            print(f"{dtype}, stride {stride}", flush=True)
            gradient(dtype, stride, 2, 64)
ratio = seconds(torch.bfloat16) / seconds(torch.float32)
print("bfloat16 with stride 2 takes", "over five times as long" if ratio > 5 else f"{ratio:.1f} times as long")
PROGRAM
"$folder/venv/bin/python" -W ignore "$folder/program.py" >"$folder/told"
{
    grep -E "^torch|exec,cpu,convolution.*backward_data" "$folder/told" | sed -E 's/.*convolution,([a-z_]+):.*/  \1/'
    tail -1 "$folder/told"
} | tee "$folder/seen"
diff "$folder/seen" - <<'SEEN'
torch.float32, stride 1
  jit_dw
torch.float32, stride 2
  jit_dw
torch.bfloat16, stride 1
  jit_dw
torch.bfloat16, stride 2
  brgconv_strided
bfloat16 with stride 2 takes over five times as long
SEEN
