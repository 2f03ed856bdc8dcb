#!/usr/bin/env bash
# torch 2.15.0: the processes of a DataLoader take five seconds each to stop if the garbage collector finds its iterator,
# that is, if the iterator is part of a reference cycle. Otherwise they stop at once.
#
# A cycle needs no intent: an exception kept in a local variable of the frame that raises it is one, and with it
# everything in that frame. Expected: the same fraction of a second either way. Seen: two workers, 0.1 s without and
# 10.1 s with a cycle, for fork, forkserver and spawn, with persistent workers and without. The collector clears the
# queues of the cycle before the iterator can send the workers its signal to end, so that each join runs into its
# timeout of five seconds (MP_STATUS_CHECK_INTERVAL).
# Seen with Python 3.11, torch 2.15.0, on a CPU.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check torch==2.15.0 numpy
cat >"$folder/program.py" <<'PROGRAM'
import gc
import time

from torch.utils.data import DataLoader, Dataset


class Numbers(Dataset):
    def __len__(self):
        return 4

    def __getitem__(self, index):
        return index


class Holder:
    pass


def seconds_to_stop(persistent, cycle):
    holder = Holder()
    loader = DataLoader(Numbers(), num_workers=2, persistent_workers=persistent, multiprocessing_context="fork")
    holder.iterator = iter(loader)
    next(holder.iterator)
    if cycle:
        holder.itself = holder
    began = time.monotonic()
    del loader, holder
    gc.collect()
    return time.monotonic() - began


if __name__ == "__main__":
    for persistent in (False, True):
        for cycle in (False, True):
            took = "about ten seconds" if seconds_to_stop(persistent, cycle) > 9 else "a moment"
            print(f"persistent workers: {persistent}, in a cycle: {cycle}: two workers stop within {took}")
PROGRAM
"$folder/venv/bin/python" -W ignore "$folder/program.py" | tee "$folder/seen"
diff "$folder/seen" - <<'SEEN'
persistent workers: False, in a cycle: False: two workers stop within a moment
persistent workers: False, in a cycle: True: two workers stop within about ten seconds
persistent workers: True, in a cycle: False: two workers stop within a moment
persistent workers: True, in a cycle: True: two workers stop within about ten seconds
SEEN
