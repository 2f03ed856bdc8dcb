"""The conditions under which a latency was measured, and the available memory. Imports no torch.

A value that cannot be read is None and never an error.
"""

from __future__ import annotations

import os
import platform
import shutil
import subprocess
import sys
from collections.abc import Mapping
from importlib import metadata
from pathlib import Path
from typing import Any

_CPUFREQ = Path("/sys/devices/system/cpu/cpu0/cpufreq")
_NVIDIA_FIELDS = ("name", "driver_version", "clocks.sm", "clocks.mem", "power.limit", "temperature.gpu")


def conditions(device: str, threads: int, versions: Mapping[str, str]) -> dict[str, Any]:
    """Return the current conditions: device, driver, clocks in MHz, threads, versions of libraries, and load."""
    found: dict[str, Any] = {
        "device": device,
        "processor": processor(),
        "cores": cores(),
        "threads": threads,
        "clock_mhz": clock_mhz(),
        "governor": _text(_CPUFREQ / "scaling_governor"),
        "load": load(),
        "python": platform.python_version(),
        "platform": platform.platform(),
        "versions": dict(versions),
    }
    if device.startswith("cuda"):
        found["gpu"] = gpu(device)
    return found


def load() -> float | None:
    """The average number of running or waiting processes over the last minute; None if it cannot be read."""
    try:
        return os.getloadavg()[0]
    except OSError:
        return None


def waited_seconds() -> float | None:
    """How long the threads of this process have waited for a processor so far; None if the system does not tell.

    On an idle machine it hardly grows. Threads that have ended are not included.
    """
    total = 0
    for path in Path("/proc/self/task").glob("*/schedstat"):
        fields = (_text(path) or "").split()  # on a processor, waiting for one, both in ns, and how often
        if len(fields) < 2 or not fields[1].isdigit():
            return None
        total += int(fields[1])
    return total / 1e9 if total else None


def cores() -> int:
    """The number of CPU cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def processor() -> str:
    """The name of the processor, as the system reports it."""
    return _cpuinfo("model name") or platform.processor() or platform.machine()


def computes_bf16() -> bool:
    """Whether the processor multiplies in bfloat16 (AVX-512 BF16 or AMX); False if the system does not tell."""
    return bool({"avx512_bf16", "amx_bf16"} & set((_cpuinfo("flags") or "").split()))


def clock_mhz() -> float | None:
    """The current clock of the first core in MHz; None if it cannot be read."""
    kilohertz = _text(_CPUFREQ / "scaling_cur_freq")
    text = _cpuinfo("cpu MHz") if kilohertz is None else kilohertz
    try:
        number = float(text or "")
    except ValueError:
        return None
    return number if kilohertz is None else number / 1000


def gpu(device: str) -> dict[str, str] | None:
    """The GPU's name, driver, clocks (MHz), power limit (W) and temperature (°C) from nvidia-smi; None without it."""
    tool = shutil.which("nvidia-smi")
    if tool is None:
        return None
    index = device.partition(":")[2] or "0"
    query = f"--query-gpu={','.join(_NVIDIA_FIELDS)}"
    try:
        result = subprocess.run(
            [tool, query, "--format=csv,noheader,nounits", f"--id={index}"],
            capture_output=True,
            text=True,
            timeout=10,
            check=True,
        )
    except (OSError, subprocess.SubprocessError):
        return None
    values = [value.strip() for value in result.stdout.split(",")]
    return dict(zip(_NVIDIA_FIELDS, values, strict=False))


def version_of(package: str) -> str | None:
    """The installed version of a package, None if it is not installed. Does not import the package."""
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return None


def versions_of(*packages: str) -> dict[str, str]:
    """The versions of those of `packages` that are installed, by name."""
    found = {package: version_of(package) for package in packages}
    return {package: version for package, version in found.items() if version is not None}


def available_memory(device: str = "cpu") -> int | None:
    """The free memory in bytes: of the CUDA device, or else the smaller of the machine's and the control group's."""
    if device.startswith("cuda"):
        torch = sys.modules.get("torch")
        return int(torch.cuda.mem_get_info(device)[0]) if torch is not None and torch.cuda.is_available() else None
    known = [number for number in (_meminfo(), _control_group()) if number is not None]
    return min(known, default=None)


def _meminfo() -> int | None:
    for line in (_text(Path("/proc/meminfo")) or "").splitlines():
        if line.startswith("MemAvailable"):
            return int(line.split()[1]) * 1024
    return None


def _control_group() -> int | None:
    folder = Path("/sys/fs/cgroup")
    limit, used = _text(folder / "memory.max"), _text(folder / "memory.current")
    return int(limit) - int(used) if limit and used and limit.isdigit() and used.isdigit() else None


def _cpuinfo(key: str) -> str | None:
    for line in (_text(Path("/proc/cpuinfo")) or "").splitlines():
        if line.startswith(key):
            return line.partition(":")[2].strip()
    return None


def _text(path: Path) -> str | None:
    try:
        return path.read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError):
        return None
