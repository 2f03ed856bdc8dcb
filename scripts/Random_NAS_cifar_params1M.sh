#!/usr/bin/env bash
# CIFAR, at most 1M parameters and 18 layers, by Random: a baseline for the Zen-score.
set -euo pipefail
NAME=Random_NAS_cifar_params1M
SCORE=Random
SPACE=SearchSpace/search_space_XXBL.py
BUDGET="--budget_model_size 1e6"
LAYERS=18 RESOLUTION=32 CLASSES=100
INIT="SuperConvK3BNRELU(3,8,1,1)SuperResK3K3(8,16,1,8,1)SuperResK3K3(16,32,2,16,1)SuperResK3K3(32,64,2,32,1)SuperResK3K3(64,64,2,32,1)SuperConvK1BNRELU(64,128,1,1)"
source "$(dirname "$0")/common.sh"
search
analyze
train
