#!/usr/bin/env bash
# CIFAR, at most 1M parameters and 18 layers, by flops: a baseline for the Zen-score.
source "$(dirname "$0")/common.sh"
cifar
