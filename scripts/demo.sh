#!/usr/bin/env bash
# The main job on a small budget: search, analyse, train for real, show. Under five minutes on two cores.
#   SAVE_DIR=runs/demo-…  where everything is kept     ITERATIONS=100000     EPOCHS=12
set -euo pipefail
source "$(dirname "$0")/environment.sh"
[ -z "${SAVE_DIR:-}" ] || SAVE_DIR=$(absolute "$SAVE_DIR")
count ITERATIONS "${ITERATIONS:-100000}" 1
count EPOCHS "${EPOCHS:-12}" 1
cd "$(dirname "$0")/.."
ZENNAS=${ZENNAS:-$([ -x .venv/bin/zennas ] && echo .venv/bin/zennas || echo zennas)}
SAVE_DIR=${SAVE_DIR:-runs/demo-$(date +%Y%m%d-%H%M%S)}

step() { printf '\n== %s\n$ zennas %s\n' "$1" "${*:2}" && "$ZENNAS" "${@:2}"; }

step "1. Design a network with at most 200k parameters, 30M multiply-accumulates, 12 layers" \
    search --budget-params 200k --budget-flops 30M --max-layers 12 --iterations "${ITERATIONS:-100000}" --save-dir "$SAVE_DIR"
step "2. What it is made of" analyze "$SAVE_DIR"
step "3. Train it on handwritten digits" train "$SAVE_DIR" --dataset digits --epochs "${EPOCHS:-12}"
step "4. All of it on one page" report "$SAVE_DIR"

printf '\n== Done. Everything is in %s:\n' "$SAVE_DIR"
printf '  %-28s %s\n' best_structure.txt "$(cat "$SAVE_DIR/best_structure.txt")" run.sqlite "every network of the search" \
    train-digits/weights.pt "trained weights" train-digits/train.json "how they were trained, and their accuracy"
printf '\nThe page to look at and to show: %s\n' "$(realpath "$SAVE_DIR")/report.html"
