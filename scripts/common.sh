# The code that the scripts for budgets share: search → analyse → train → evaluate → export, with one function for each.
# A script that is called again skips finished steps, and continues an interrupted one.
#
# Environment variables, with their defaults:
#   SAVE_DIR=runs/NAME, in the project       PYTHON=.venv/bin/python, else python3       SEED=0
#   ITERATIONS=480000  mutations to try      POPULATION=512  networks kept
#   LATENCY_BACKEND=predictor:v100-pytorch-fp16   source of the latency: a profile, or a back end on this machine
#   EPOCHS=10          of training, 0 for none. Zen-NAS's results need 1440 on CIFAR and 480 on ImageNet
#   DATASET            data set for training, see zennas train. Default: cifar10 for CIFAR scripts, imagenet for ImageNet scripts,
#                      which skip training if it is missing. digits needs no download
#   DATA               folder of CIFAR or ImageNet; default: in ~/data
#   RESOLUTION         side of the training images: 32 for digits and CIFAR, otherwise the resolution of the design. It does not
#                      change the resolution that the budget refers to
#   TEACHER            teacher in addition to the labels: the folder of a training, timm:NAME, torchvision:NAME, a name of the zoo,
#                      or none. Default: timm:tf_efficientnet_b3.ns_jft_in1k at 320 pixels, with its features, for ImageNet
#                      scripts; none for digits and CIFAR
#   RATIO              for another TEACHER: down-sampling from which features are compared, too; default: 0, only logits
# With DATASET=digits EPOCHS=1 ITERATIONS=300 a script takes minutes. Folders are relative to the folder in which the script is
# called.

set -euo pipefail
NAME=$(basename "$0" .sh)
source "$(dirname "${BASH_SOURCE[0]}")/environment.sh"
[ -z "${SAVE_DIR:-}" ] || SAVE_DIR=$(absolute "$SAVE_DIR")
[ -z "${DATA:-}" ] || DATA=$(absolute "$DATA")
case ${DATASET:-} in
digits | cifar10 | cifar100 | imagenet) ;;
?*) [ ! -e "$DATASET" ] || DATASET=$(absolute "$DATASET") ;;
esac
[ "${TEACHER:-none}" = none ] || [ ! -d "$TEACHER" ] || TEACHER=$(absolute "$TEACHER")
count ITERATIONS "${ITERATIONS:-480000}" 1
count EPOCHS "${EPOCHS:-10}" 0
[ -z "${RESOLUTION:-}" ] || count RESOLUTION "$RESOLUTION" 1
count RATIO "${RATIO:-0}" 0
case ${LATENCY_BACKEND:-} in
predictor:*.json) LATENCY_BACKEND=predictor:$(absolute "${LATENCY_BACKEND#predictor:}") ;;
esac
cd "$(dirname "${BASH_SOURCE[0]}")/.."
PYTHON=${PYTHON:-$([ -x .venv/bin/python ] && echo .venv/bin/python || echo python3)}
SAVE_DIR=${SAVE_DIR:-runs/$NAME}

# cifar: design by the recipe of the script's name, train on CIFAR
cifar() {
    design 32 100
    finish "${DATASET:-cifar10}" 32 train_cifar none
}

imagenet() {
    design 224 1000
    finish_imagenet
}

# imagenet_latency: ImageNet with a limit of the latency. The default profile uses Zen-NAS's batch of 64, which is passed on
# only for another LATENCY_BACKEND.
imagenet_latency() {
    design 224 1000 ${LATENCY_BACKEND:+--latency-backend "$LATENCY_BACKEND" --latency-batch-size 64 --batch-size 64}
    finish_imagenet
}

# design RESOLUTION CLASSES FLAGS…
design() {
    "$PYTHON" -m zennas search --config "recipes/$NAME.toml" --go-on ${ITERATIONS:+--iterations "$ITERATIONS"} \
        ${POPULATION:+--population-size "$POPULATION"} --seed "${SEED:-0}" --save-dir "$SAVE_DIR" "${@:3}"
    "$PYTHON" analyze_model.py --input_image_size "$1" --num_classes "$2" \
        --plainnet_struct_txt "$SAVE_DIR/best_structure.txt"
}

# finish_imagenet: what an ImageNet script does after the design
finish_imagenet() {
    if [ -z "${DATASET:-}${DATA:-}" ] && [ ! -d ~/data/imagenet ]; then
        [ "${EPOCHS:-}" = 0 ] || echo "$NAME: designed and analysed, but not trained, evaluated or exported, because" \
            "~/data/imagenet is missing: unpack ILSVRC2012 there as train/CLASS/*.JPEG and val/CLASS/*.JPEG (available on request from its" \
            "authors), or set DATASET to another folder with train/ and val/, or to digits for a trial, and run this script again" >&2
        return
    fi
    case ${DATASET:-} in
    digits | cifar*) finish "$DATASET" 32 train_imagenet none ;;
    *) finish "${DATASET:-imagenet}" 224 train_imagenet "" ;;
    esac
}

# finish DATASET RESOLUTION RECIPE TEACHER: train, evaluate, export. An empty TEACHER is that of recipes/distill_imagenet.toml
finish() {
    local dataset=$1 epochs=${EPOCHS:-10} recipe=$3 teacher=${TEACHER:-$4} folder place=() more=()
    [ "$epochs" != 0 ] || return 0
    folder=$(basename "$dataset" .npz)_${epochs}epochs
    [ "$teacher" = none ] || folder=ts_$folder
    folder=$SAVE_DIR/$folder
    case $dataset in
    cifar10 | cifar100 | imagenet) place=(${DATA:+--data "$DATA"}) ;;
    digits) more=(--workers 0) ;; # starting a worker takes longer than reading digits
    esac
    case $teacher in
    none) ;;
    "") recipe=distill_imagenet ;;
    *)
        more+=(--teacher "$teacher" --no-proj-bn --no-proj-relu)
        [ "${RATIO:-0}" = 0 ] || more+=(--downsample-ratio "$RATIO")
        ;;
    esac
    "$PYTHON" -m zennas train "$SAVE_DIR/best_structure.txt" --config "recipes/$recipe.toml" --dataset "$dataset" "${place[@]}" \
        --resolution "${RESOLUTION:-$2}" --epochs "$epochs" --seed "${SEED:-0}" "${more[@]}" --save-dir "$folder" \
        --resume auto --keep-best
    if [ -f "$folder/eval.txt" ]; then
        echo "skip $folder/eval.txt"
    else
        "$PYTHON" -m zennas eval "$folder" --dataset "$dataset" "${place[@]}" | tee "$folder/.eval.txt"
        mv "$folder/.eval.txt" "$folder/eval.txt"
    fi
    write_onnx "$folder" "$folder/export/$NAME.onnx"
}

# write_onnx TRAINING FILE
write_onnx() {
    if [ -f "$2" ]; then
        echo "skip $2"
        return
    fi
    local code=0
    "$PYTHON" -m zennas export "$1" --format onnx --out "$2" || code=$?
    [ $code != 0 ] || return 0
    [ $code = 2 ] || exit $code
    echo "$NAME: not exported because of the error above; everything else is finished, in $1. Fix the error and run this script again" >&2
}
