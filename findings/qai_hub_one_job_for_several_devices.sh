#!/usr/bin/env bash
# qai-hub-models 0.65.0: of the 21 devices that its files have latencies of six classifiers for, 11 share theirs with others.
#
# Each perf.yaml lists latencies by device, runtime and precision, each with the job on Qualcomm's AI Hub that measured it.
# Expected: a job of its own for each device. Seen: the same job, and so the same number, for devices with one kind of
# chip, such as the Samsung Galaxy S25 and the Dragonwing Q-8750, or the Galaxy S22 and the Snapdragon XR2 Gen 2, which
# are different products. Only the number of the job says so. Who predicts one device from the others has the answers
# among the questions; who averages over devices counts five chips twice or three times.
# Seen with Python 3.11, qai-hub-models 0.65.0 (its data only; it is not installed), pyyaml 6.0.3.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check pyyaml==6.0.3
"$folder/venv/bin/pip" download --quiet --disable-pip-version-check --no-deps --dest "$folder" qai-hub-models==0.65.0
cat >"$folder/program.py" <<'PROGRAM'
import sys
import zipfile
from collections import defaultdict

import yaml

jobs = defaultdict(dict)  # by device: what was measured, and by which job
with zipfile.ZipFile(sys.argv[1]) as wheel:
    for name in ("mobilenet_v2", "resnet18", "resnet50", "squeezenet1_1", "convnext_tiny", "inception_v3"):
        content = yaml.load(wheel.read(f"qai_hub_models/models/{name}/perf.yaml"), yaml.CSafeLoader)
        for precision, part in content["precisions"].items():
            for component in part["components"].values():
                for device, runtimes in component["performance_metrics"].items():
                    for runtime, result in runtimes.items():
                        if result.get("inference_time_milliseconds"):
                            jobs[device][name, precision, runtime] = result["job_id"]
print(f"{len(jobs)} devices")
groups = []
for device in sorted(jobs):
    for group in groups:
        common = jobs[device].keys() & jobs[group[0]].keys()
        if common and all(jobs[device][one] == jobs[group[0]][one] for one in common):
            group.append(device)
            break
    else:
        groups.append([device])
for group in groups:
    if len(group) > 1:
        print("the same jobs:", ", ".join(group))
print(f"{len(groups)} devices with jobs of their own")
PROGRAM
"$folder/venv/bin/python" "$folder/program.py" "$folder"/qai_hub_models-0.65.0-*.whl | tee "$folder/seen"
diff "$folder/seen" - <<'SEEN'
21 devices
the same jobs: Dragonwing IQ-X7181, Snapdragon X Elite CRD
the same jobs: Dragonwing Q-7790, Snapdragon 7 Gen 4 QRD
the same jobs: Dragonwing Q-8750, Samsung Galaxy S25
the same jobs: SA8255P ADP, SA8650P ADP, SA8775P ADP
the same jobs: Samsung Galaxy S22 5G, Snapdragon XR2 Gen 2
15 devices with jobs of their own
SEEN
