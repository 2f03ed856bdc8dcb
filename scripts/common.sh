# What the per-budget scripts share: search → analyse → train → evaluate → export. Each is one call of a function below.
# Called again, a script skips what is done, and goes on where it was cut short.
#
# Read from the environment, with their defaults:
#   SAVE_DIR=runs/NAME, in the project       PYTHON=.venv/bin/python, else python3       SEED=0
#   ITERATIONS=480000  mutations to try      POPULATION=512  networks kept
#   LATENCY_BACKEND=predictor:v100-pytorch-fp16   whose latency: a profile's, or that of a back end here
#   EPOCHS=10          of training, 0 for none. Zen-NAS's figures are of 1440 on CIFAR and 480 on ImageNet
#   DATASET            what to train on, see zennas train: cifar10 for a CIFAR script; for an ImageNet script imagenet, and no
#                      training where that is absent. digits needs no download
#   DATA               where CIFAR or ImageNet is, else in ~/data
#   RESOLUTION         side of the images in training: 32 for digits and CIFAR, else what the network was designed for, which
#                      stays what the budget is for
#   TEACHER            whom to learn from beside the labels: a training's folder, timm:NAME, torchvision:NAME, a name of the zoo, or
#                      none. For an ImageNet script timm:tf_efficientnet_b3.ns_jft_in1k at 320 pixels, with its features;
#                      none for digits and CIFAR
#   RATIO              of another TEACHER: down-sampling from which on features are compared too, 0 for logits alone, the default
# With DATASET=digits EPOCHS=1 ITERATIONS=300 a script takes minutes. Folders that are given are relative to where the script
# is called.

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
BEST_TEACHER=timm:tf_efficientnet_b3.ns_jft_in1k

# cifar: design by the recipe of the script's name, train on CIFAR
cifar() {
    design 32 100
    finish "${DATASET:-cifar10}" 32 5e-4 none
}

imagenet() {
    design 224 1000
    finish_imagenet
}

# imagenet_latency: under a latency. Zen-NAS's batch of 64 is the profile's own; it is asked for where LATENCY_BACKEND is another one,
# as the best are confirmed with as many images, which takes a CPU hours.
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

# What an ImageNet script does with its design
finish_imagenet() {
    if [ -z "${DATASET:-}${DATA:-}" ] && [ ! -d ~/data/imagenet ]; then
        [ "${EPOCHS:-}" = 0 ] || echo "$NAME: designed and analysed; not trained, evaluated and exported, as ~/data/imagenet is not" \
            "there: unpack ILSVRC2012 to it as train/CLASS/*.JPEG and val/CLASS/*.JPEG (its makers give it on request), or set" \
            "DATASET to another folder with train/ and val/, or to digits for a trial, and call this again" >&2
        return
    fi
    case ${DATASET:-} in
    digits | cifar*) finish "$DATASET" 32 4e-5 none ;;
    *) finish "${DATASET:-imagenet}" 224 4e-5 $BEST_TEACHER ;;
    esac
}

# finish DATASET RESOLUTION WEIGHT_DECAY TEACHER: train, evaluate, export
finish() {
    local dataset=$1 epochs=${EPOCHS:-10} teacher=${TEACHER:-$4} folder place=()
    [ "$epochs" != 0 ] || return 0
    folder=$(basename "$dataset" .npz)_${epochs}epochs
    [ "$teacher" = none ] || folder=ts_$folder
    folder=$SAVE_DIR/$folder
    case $dataset in
    cifar10 | cifar100 | imagenet) place=(${DATA:+--data "$DATA"}) ;;
    esac
    train "$dataset" "${RESOLUTION:-$2}" "$3" "$teacher" --epochs "$epochs" --save_dir "$folder" "${place[@]}"
    if [ -f "$folder/eval.txt" ]; then
        echo "skip $folder/eval.txt"
    else
        "$PYTHON" -m zennas eval "$folder" --dataset "$dataset" "${place[@]}" | tee "$folder/.eval.txt"
        mv "$folder/.eval.txt" "$folder/eval.txt"
    fi
    write_onnx "$folder" "$folder/export/$NAME.onnx"
}

# train DATASET RESOLUTION WEIGHT_DECAY TEACHER FLAGS…: by Zen-NAS's recipe
train() {
    local program=train_image_classification.py taught=()
    if [ "$4" != none ]; then
        program=ts_$program
        taught=(--teacher_arch "$4" --teacher_pretrained --teacher_feature_weight 1 --teacher_logit_weight 1
            --ts_proj_no_bn --ts_proj_no_relu)
        if [ "$4" = "$BEST_TEACHER" ]; then
            taught+=(--teacher_input_image_size 320 --target_downsample_ratio 16)
        elif [ "${RATIO:-0}" != 0 ]; then
            taught+=(--target_downsample_ratio "$RATIO")
        fi
    fi
    [ "$1" != digits ] || taught+=(--workers_per_gpu 0) # starting one takes longer than reading these
    "$PYTHON" "$program" --dataset "$1" --input_image_size "$2" --wd "$3" "${taught[@]}" "${@:5}" \
        --plainnet_struct_txt "$SAVE_DIR/best_structure.txt" --dist_mode auto --batch_size_per_gpu 64 --seed "${SEED:-0}" \
        --optimizer sgd --nesterov --lr_per_256 0.1 --target_lr_per_256 0 --lr_mode cosine --warmup 5 --bn_momentum 0.01 \
        --weight_init custom --label_smoothing --random_erase --mixup --auto_augment
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
    echo "$NAME: not exported, for what is said above; all else is done, in $1. Then call this again" >&2
}
