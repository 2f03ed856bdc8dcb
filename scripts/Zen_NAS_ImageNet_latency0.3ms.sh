#!/usr/bin/env bash
# ImageNet, at most 0.3 ms an image on a V100 at batch 64, by Zen-score.
source "$(dirname "$0")/common.sh"
later "a latency budget"
