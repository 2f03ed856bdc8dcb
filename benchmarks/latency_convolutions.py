"""The shipped V100 profiles on single convolutions that they were not fitted to.

A tenth of all layer shapes is held out from each fit, with all batch sizes, and with and without a fused addition.
"""

from __future__ import annotations

from benchmarks._v100 import DATA
from benchmarks.common import print_machine
from latency.fitting.fit import held_out_errors
from latency.predicting.profile import FOLDER, load_profile
from latency.predicting.table import read_table

TARGETS = {"fp32": (94, 3.5), "fp16": (90, 5.0), "int8": (94, 3.5)}
"""The least share within ±10 % and the largest MAPE, both in percent."""
LARGEST_MB = 5.0


def main() -> None:
    print_machine()
    for precision, (within, mape) in TARGETS.items():
        path = DATA / f"v100_tensorrt_conv_{precision}.csv.gz"
        if not path.is_file():
            print(f"{precision}: skipped, {path} is not there")
            continue
        name = f"v100-tensorrt-{precision}"
        found = held_out_errors(load_profile(name), read_table(path, measured=True))
        size = (FOLDER / f"{name}.json").stat().st_size / 1e6
        reached = found["all"].within10 >= within and found["all"].mape <= mape and size <= LARGEST_MB
        print(f"{name}, {size:.1f} MB")
        for what, errors in found.items():
            print(f"  {what:10} {errors}")
        print(f"  within ±10 % at least {within} %, MAPE at most {mape} %: {'reached' if reached else 'MISSED'}")


if __name__ == "__main__":
    main()
