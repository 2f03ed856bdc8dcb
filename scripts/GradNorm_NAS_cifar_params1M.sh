#!/usr/bin/env bash
# CIFAR, at most 1M parameters and 18 layers, by GradNorm.
source "$(dirname "$0")/common.sh"
cifar
