"""Rank aggregation: properties of the aggregations, and what expressions mean."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from PlainNet.registry import UnknownNameError
from ZeroShotProxy import ProxyError
from ZeroShotProxy.ensembles import AGGREGATIONS, find, log_rank, mean_rank, parts_of, rankings, vote

scores = st.integers(2, 12).flatmap(
    lambda members: st.lists(
        st.lists(st.integers(-50, 50).map(float), min_size=members, max_size=members), min_size=1, max_size=4
    )
)


@pytest.mark.parametrize("name", AGGREGATIONS)
@given(values=scores)
def test_a_member_that_is_best_by_all_is_best(name: str, values: list[list[float]]) -> None:
    values = [[*row, 100.0] for row in values]
    found = AGGREGATIONS[name](values)
    assert found[-1] == max(found)
    assert all(value < found[-1] for value in found[:-1])


@pytest.mark.parametrize("name", AGGREGATIONS)
@given(values=scores, data=st.data())
def test_only_the_order_counts_and_members_are_interchangeable(
    name: str, values: list[list[float]], data: st.DataObject
) -> None:
    found = AGGREGATIONS[name](values)
    assert AGGREGATIONS[name]([[value**3 / 7 for value in row] for row in values]) == pytest.approx(found)
    order = data.draw(st.permutations(range(len(found))))
    moved = AGGREGATIONS[name]([[row[i] for i in order] for row in values])
    assert moved == pytest.approx([found[i] for i in order])


def test_log_rank_is_harder_on_the_worst_than_mean_rank() -> None:
    # One member is in the middle by both proxies, another first by one and last by the other.
    values = [[2.0, 3.0, 1.0], [2.0, 1.0, 3.0]]
    assert mean_rank(values) == pytest.approx([2 / 3] * 3)
    found = log_rank(values)
    assert found[0] > found[1] == found[2]


def test_vote_counts_majorities() -> None:
    assert vote([[1.0, 2.0, 3.0], [1.0, 2.0, 3.0], [3.0, 2.0, 1.0]]) == [0.0, 0.5, 1.0]
    assert vote([[1.0], [2.0]]) == [0.0]


def test_expressions_name_their_parts() -> None:
    found = find("Log_Rank(ZiCo + naswot+nwot+flops)")
    assert found.info.name == "log_rank(zico+naswot+flops)"
    assert found.info.needs == "population"
    assert find("zico").info.name == "zico"
    assert parts_of(["vote", "flops", "mean_rank(params+flops)"]) == (
        "log_synflow",
        "jacob_cov",
        "snip",
        "flops",
        "params",
    )


def test_low_is_turned_where_low_is_good() -> None:
    found = rankings(["mean_rank(ntk+flops)", "flops"], {"ntk": [1.0, 9.0], "flops": [5.0, 1.0]})
    assert found == {"mean_rank(ntk+flops)": [1.0, 0.5]}
    assert rankings(["vote(ntk+flops)"], {"ntk": [], "flops": []}) == {"vote(ntk+flops)": []}


@pytest.mark.parametrize(
    ("name", "error", "says"),
    [
        ("median(zico+flops)", UnknownNameError, "known: mean_rank, log_rank, vote"),
        ("vote(zico)", ProxyError, "has 1 proxy"),
        ("vote(zico+)", UnknownNameError, "unknown proxy ''"),
        ("vote(az_nas+flops)", ProxyError, "which aggregates ranks itself"),
        ("vote(zico+nosuch)", UnknownNameError, "nosuch"),
        ("vote(zico+flops", UnknownNameError, "unknown proxy"),
    ],
)
def test_bad_expressions_say_what_is_wrong(name: str, error: type[Exception], says: str) -> None:
    with pytest.raises(error, match=says):
        find(name)


def test_missing_scores_are_named() -> None:
    with pytest.raises(ProxyError, match="az_nas needs the scores of az_progressivity"):
        rankings(["az_nas"], {"az_expressivity": [1.0], "flops": [1.0]})
    with pytest.raises(ProxyError, match="needs equal numbers of scores"):
        rankings(["vote(params+flops)"], {"params": [1.0], "flops": [1.0, 2.0]})
