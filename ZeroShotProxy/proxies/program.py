"""Programs as proxies: `program:NAME` is a published one, `program:FILE` that of a TOML file.

`programs/files.py` describes the file. Higher is better.
"""

from __future__ import annotations

from functools import lru_cache

from ZeroShotProxy.base import LONGEST_MEANING, PROXIES, Proxy, ProxyInfo
from ZeroShotProxy.programs.files import ProgramFile, load
from ZeroShotProxy.programs.statistics import STATISTICS
from ZeroShotProxy.programs.tree import statistics_of

FAMILY = "program"


def program(text: str) -> Proxy:
    """Return the proxy of a published program or a file.

    Raises UnknownNameError if there is neither, and WrongProgramError if the file is not a program.
    """
    return _proxy(load(text))


@lru_cache(maxsize=64)  # one program is one proxy, which can be compared
def _proxy(found: ProgramFile) -> Proxy:
    reads = {STATISTICS[name].images for name in statistics_of(found.program.tree)}
    info = ProxyInfo(
        f"{FAMILY}:{found.key}",
        f"the program {found.name}: {found.program.tree}",
        source=found.source,
        needs="batch" if reads & {"data", "perturbed"} else "module",
        torch=True,
        random=True,
        initialisation=found.initialisation,
        plain=f"a formula of activations and gradients: {found.name}"[:LONGEST_MEANING],
    )
    return Proxy(info, measure=found.program.score)


PROXIES.add_family(FAMILY, program)
