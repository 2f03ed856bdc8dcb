"""What CONTRIBUTING tells a newcomer to write works as it stands."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
CHECK = """
from PlainNet import build, cost, parse
from ZeroShotProxy import score, score_population
s = parse("ConvKX(3,8,3,1)ConvBNRELU(8)")
assert cost(s).params == sum(p.numel() for p in build(s).parameters())
assert cost(s).layers == 2
found = score(s, ["mine", "mine_too"])
assert found["mine"].value == 2
assert found["mine_too"].value > 0
ranks = score_population([s, parse("ConvKX(3,8,3,1)")], ["ours", "mine"])
assert ranks[0]["ours"].value > ranks[1]["ours"].value
from latency.base import MeasureSettings
from latency.measuring.measure import measure
from latency.measuring.subject import of_structure
stats = measure(of_structure(s, 8, 10), MeasureSettings("mine", seconds=0.1, relative_error=0.5))
assert stats.latency_ms > 0
"""


def test_the_recipes_work() -> None:
    recipes = re.findall(r"```python\n(.*?)```", (ROOT / "CONTRIBUTING.md").read_text(), re.DOTALL)
    assert len(recipes) == 7  # the last one's parts are those of `third_party.py`: test_third_parties.py runs it
    program = "\n".join([*recipes, CHECK])
    result = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stderr
