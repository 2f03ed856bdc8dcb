#!/usr/bin/env bash
# CIFAR, at most 1M parameters and 18 layers, by TE-NAS.
set -euo pipefail
NAME=TE_NAS_cifar_params1M
source "$(dirname "$0")/common.sh"
later "the proxy TE-NAS"
