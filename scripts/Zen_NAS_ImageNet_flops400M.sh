#!/usr/bin/env bash
# ImageNet, at most 400M multiply-accumulates and 14 layers, by Zen-score.
# Trains only where DATASET names a folder with train/ and val/: Zen-NAS's distillation comes with a later version.
set -euo pipefail
NAME=Zen_NAS_ImageNet_flops400M
SCORE=Zen
SPACE=SearchSpace/search_space_IDW_fixfc.py
BUDGET="--budget_flops 400e6"
LAYERS=14 RESOLUTION=224 CLASSES=1000
INIT="SuperConvK3BNRELU(3,8,2,1)SuperResIDWE6K3(8,32,2,8,1)SuperResIDWE6K3(32,48,2,32,1)SuperResIDWE6K3(48,96,2,48,1)SuperResIDWE6K3(96,128,2,96,1)SuperConvK1BNRELU(128,2048,1,1)"
source "$(dirname "$0")/common.sh"
search
analyze
[ -n "${DATASET:-}" ] || [ "${EPOCHS:-}" = 0 ] || later "training by distillation"
train
