#!/usr/bin/env bash
# ImageNet, at most 600M multiply-accumulates and 14 layers, by Zen-score.
source "$(dirname "$0")/common.sh"
imagenet
