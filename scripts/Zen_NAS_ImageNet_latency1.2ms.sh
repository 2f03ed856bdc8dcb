#!/usr/bin/env bash
# ImageNet, at most 1.2 ms per image on a V100 at batch 64 and 30 layers, by Zen-score.
source "$(dirname "$0")/common.sh"
imagenet_latency
