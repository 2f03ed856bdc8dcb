#!/usr/bin/env bash
# CIFAR, at most 2M parameters and 20 layers, by Zen-score.
source "$(dirname "$0")/common.sh"
cifar
