"""Programs as proxies: `program:NAME` is a published one, `program:FILE` that of a TOML file.

`programs/files.py` describes the file. Higher is better. Programs that read closed forms score structures, and need no
torch.
"""

from __future__ import annotations

from functools import lru_cache, partial

from ZeroShotProxy.base import LONGEST_MEANING, PROXIES, Proxy, ProxyInfo, Score, ScoreSettings, Target
from ZeroShotProxy.engine.mean_field.graphs import graph_of
from ZeroShotProxy.programs.errors import ProgramError
from ZeroShotProxy.programs.files import ProgramFile, load
from ZeroShotProxy.programs.statistics import STATISTICS
from ZeroShotProxy.programs.tree import statistics_of
from ZeroShotProxy.programs.vectors import score_of

FAMILY = "program"


def program(text: str) -> Proxy:
    """Return the proxy of a published program or a file.

    Raises UnknownNameError if there is neither, and WrongProgramError if the file is not a program.
    """
    return _proxy(load(text))


@lru_cache(maxsize=64)  # one program is one proxy, which can be compared
def _proxy(found: ProgramFile) -> Proxy:
    name, summary = f"{FAMILY}:{found.key}", f"the program {found.name}: {found.program.tree}"
    if found.closed_form:
        plain = f"a formula of widths, costs and expected gradients: {found.name}"[:LONGEST_MEANING]
        return Proxy(ProxyInfo(name, summary, source=found.source, plain=plain), structure=partial(_closed_form, found))
    reads = {STATISTICS[one].images for one in statistics_of(found.program.tree)}
    info = ProxyInfo(
        name,
        summary,
        source=found.source,
        needs="batch" if reads & {"data", "perturbed"} else "module",
        torch=True,
        random=True,
        initialisation=found.initialisation,
        plain=f"a formula of activations and gradients: {found.name}"[:LONGEST_MEANING],
    )
    return Proxy(info, measure=found.program.score)


def _closed_form(found: ProgramFile, target: Target, settings: ScoreSettings) -> Score:
    """Return the score of a structure. Raises ProgramError if the network has none."""
    graph = graph_of(target, f"{FAMILY}:{found.key}", settings)
    try:
        return Score(score_of(found.program, graph, settings.training_steps))
    except ProgramError as error:
        raise ProgramError(f"proxy {FAMILY}:{found.key} fails: {error}") from error


PROXIES.add_family(FAMILY, program)
