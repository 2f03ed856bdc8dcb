#!/usr/bin/env bash
# CIFAR, at most 1M parameters and 18 layers, by NASWOT.
set -euo pipefail
NAME=NASWOT_NAS_cifar_params1M
source "$(dirname "$0")/common.sh"
later "the proxy NASWOT"
