#!/usr/bin/env bash
# ImageNet, at most 800M multiply-accumulates and 16 layers, by Zen-score.
source "$(dirname "$0")/common.sh"
imagenet
