# What the per-budget scripts share: search → analyze → train. Each sets a few variables and sources this.
#
# From the script: NAME (of the run), SCORE, SPACE, BUDGET (flags), LAYERS, RESOLUTION, CLASSES, INIT (structure).
# From you, with their defaults:
#   ITERATIONS=480000  mutations to try          POPULATION=512  networks kept       SEED=0
#   SAVE_DIR=runs/$NAME                          DATASET=cifar10 EPOCHS=10           DATA= where CIFAR is
# EPOCHS=0 leaves the training out.

cd "$(dirname "${BASH_SOURCE[0]}")/.."
PYTHON=${PYTHON:-$([ -x .venv/bin/python ] && echo .venv/bin/python || echo python3)}
SAVE_DIR=${SAVE_DIR:-runs/$NAME}

later() {
    echo "$NAME: $1 comes with a later version" >&2
    exit 1
}

search() {
    mkdir -p "$SAVE_DIR"
    echo "$INIT" >"$SAVE_DIR/init_plainnet.txt"
    # shellcheck disable=SC2086 # BUDGET is several words
    "$PYTHON" evolution_search.py --zero_shot_score "$SCORE" --search_space "$SPACE" $BUDGET --max_layers "$LAYERS" \
        --input_image_size "$RESOLUTION" --num_classes "$CLASSES" --plainnet_struct_txt "$SAVE_DIR/init_plainnet.txt" \
        --evolution_max_iter "${ITERATIONS:-480000}" --population_size "${POPULATION:-512}" --seed "${SEED:-0}" \
        --save_dir "$SAVE_DIR"
}

analyze() {
    "$PYTHON" analyze_model.py --input_image_size "$RESOLUTION" --num_classes "$CLASSES" \
        --plainnet_struct_txt "$SAVE_DIR/best_structure.txt"
}

train() {
    [ "${EPOCHS:-10}" = 0 ] || "$PYTHON" -m zennas train "$SAVE_DIR" --dataset "${DATASET:-cifar10}" --epochs "${EPOCHS:-10}" \
        ${DATA:+--data "$DATA"} --save-dir "$SAVE_DIR/${DATASET:-cifar10}_${EPOCHS:-10}epochs"
}
