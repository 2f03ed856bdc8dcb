#!/usr/bin/env bash
# ImageNet, at most 0.5 ms an image on a V100 at batch 64, by Zen-score.
set -euo pipefail
NAME=Zen_NAS_ImageNet_latency0.5ms
source "$(dirname "$0")/common.sh"
later "a latency budget"
