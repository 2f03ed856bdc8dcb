# What the per-budget scripts share: search → analyse → train. Each is one call of a function below.
#
# Read from the environment, with their defaults:
#   ITERATIONS=480000  mutations to try      POPULATION=512  networks kept      SEED=0
#   SAVE_DIR=runs/NAME, in the project       PYTHON=.venv/bin/python, else python3
#   LATENCY_BACKEND=predictor:v100-pytorch-fp16   whose latency: a profile's, or that of a back end here
#   DATASET=cifar10    see zennas train      DATA=           where CIFAR is     EPOCHS=10, 0 for no training
# Folders that are given are relative to where the script is called.

set -euo pipefail
NAME=$(basename "$0" .sh)
source "$(dirname "${BASH_SOURCE[0]}")/environment.sh"
[ -z "${SAVE_DIR:-}" ] || SAVE_DIR=$(absolute "$SAVE_DIR")
[ -z "${DATA:-}" ] || DATA=$(absolute "$DATA")
case ${DATASET:-} in
digits | cifar10 | cifar100) ;;
?*) [ ! -d "$DATASET" ] || DATASET=$(absolute "$DATASET") ;;
esac
count ITERATIONS "${ITERATIONS:-480000}" 1
count EPOCHS "${EPOCHS:-10}" 0
case ${LATENCY_BACKEND:-} in
predictor:*.json) LATENCY_BACKEND=predictor:$(absolute "${LATENCY_BACKEND#predictor:}") ;;
esac
cd "$(dirname "${BASH_SOURCE[0]}")/.."
PYTHON=${PYTHON:-$([ -x .venv/bin/python ] && echo .venv/bin/python || echo python3)}
SAVE_DIR=${SAVE_DIR:-runs/$NAME}

XXBL_START="SuperConvK3BNRELU(3,8,1,1)SuperResK3K3(8,16,1,8,1)SuperResK3K3(16,32,2,16,1)\
SuperResK3K3(32,64,2,32,1)SuperResK3K3(64,64,2,32,1)SuperConvK1BNRELU(64,128,1,1)"
IDW_START="SuperConvK3BNRELU(3,8,2,1)SuperResIDWE6K3(8,32,2,8,1)SuperResIDWE6K3(32,48,2,32,1)\
SuperResIDWE6K3(48,96,2,48,1)SuperResIDWE6K3(96,128,2,96,1)SuperConvK1BNRELU(128,2048,1,1)"
LATENCY_START="SuperConvK3BNRELU(3,32,2,1)SuperResK3K3(32,64,2,32,1)SuperResK3K3(64,128,2,64,1)\
SuperResK3K3(128,256,2,128,1)SuperResK3K3(256,512,2,256,1)SuperConvK1BNRELU(512,512,1,1)"

# cifar SCORE PARAMETERS LAYERS
cifar() {
    design "$XXBL_START" 32 100 --zero_shot_score "$1" --search_space SearchSpace/search_space_XXBL.py \
        --budget_model_size "$2" --max_layers "$3"
    train cifar10
}

# imagenet FLOPS LAYERS: trains only where DATASET names a folder with train/ and val/
imagenet() {
    design "$IDW_START" 224 1000 --zero_shot_score Zen --search_space SearchSpace/search_space_IDW_fixfc.py \
        --budget_flops "$1" --max_layers "$2"
    [ -n "${DATASET:-}" ] || [ "${EPOCHS:-}" = 0 ] || later "training by distillation"
    train "${DATASET:-}"
}

# imagenet_latency SECONDS LAYERS: the same under a latency, in seconds an image. Zen-NAS's batch of 64 is the profile's own; it is
# asked for where LATENCY_BACKEND is another one, as the best are confirmed with as many images, which takes a CPU hours.
imagenet_latency() {
    design "$LATENCY_START" 224 1000 --zero_shot_score Zen --search_space SearchSpace/search_space_XXBL.py \
        --budget_latency "$1" --latency_backend "${LATENCY_BACKEND:-predictor:v100-pytorch-fp16}" \
        --max_layers "$2" ${LATENCY_BACKEND:+--batch_size 64}
    if [ -n "${DATASET:-}" ]; then
        train "$DATASET"
    else
        echo "$NAME: not trained; set DATASET to a folder with train/ and val/, distillation comes with a later version" >&2
    fi
}

# design START RESOLUTION CLASSES FLAGS…
design() {
    mkdir -p "$SAVE_DIR"
    echo "$1" >"$SAVE_DIR/init_plainnet.txt"
    "$PYTHON" evolution_search.py "${@:4}" --input_image_size "$2" --num_classes "$3" \
        --plainnet_struct_txt "$SAVE_DIR/init_plainnet.txt" --evolution_max_iter "${ITERATIONS:-480000}" \
        --population_size "${POPULATION:-512}" --seed "${SEED:-0}" --save_dir "$SAVE_DIR"
    "$PYTHON" analyze_model.py --input_image_size "$2" --num_classes "$3" \
        --plainnet_struct_txt "$SAVE_DIR/best_structure.txt"
}

# train DEFAULT_DATASET
train() {
    local dataset=${DATASET:-$1} epochs=${EPOCHS:-10}
    [ "$epochs" = 0 ] || "$PYTHON" -m zennas train "$SAVE_DIR" --dataset "$dataset" --epochs "$epochs" \
        ${DATA:+--data "$DATA"} --save-dir "$SAVE_DIR/$(basename "$dataset")_${epochs}epochs"
}

# later WHAT
later() {
    echo "$NAME: $1 comes with a later version" >&2
    exit 1
}
