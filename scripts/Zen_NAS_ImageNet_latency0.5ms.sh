#!/usr/bin/env bash
# ImageNet, at most 0.5 ms per image on a V100 at batch 64 and 20 layers, by Zen-score.
source "$(dirname "$0")/common.sh"
imagenet_latency
