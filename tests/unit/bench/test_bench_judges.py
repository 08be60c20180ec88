"""The parts of `make bench` that judge and draw, on reports made up for them."""

from typing import Any
from xml.etree import ElementTree

import pytest

from tests.bench.bars import BARS, Bar, NotMeasurable, lines, loop_us, verdict
from tests.bench.bench_server import delay_between
from tests.bench.line_chart import Line, apart, line_chart, ticks
from tests.bench.pictures import pictures, table
from tests.bench.scenarios import fps_for


def phase(**changes: Any) -> dict[str, Any]:
    return {
        "viewers": 500,
        "us_per_packet": 1.6,
        "server_cpu_percent": 69.0,
        "swarm_to_server_cpu": 0.7,
        "viewer_socket_drops": 0,
        "packets": 10_000,
        "frames_whole": 990,
        "frames_torn": 10,
        "frame_goodput": 0.5,
        "audio_goodput": 0.995,
        "engine_delay": {"p50_us": 900, "p99_us": 2500, "since": "span"},
    } | changes


def report() -> dict[str, Any]:
    loops = [[{"us_per_packet": 4.0}, {"us_per_packet": 1.2}]] * 2
    join = phase(joined=500, join_seconds=9.0, complaints=[])
    full = dict.fromkeys(("burst", "delay", "overload"), phase()) | {"single": phase(us_per_packet=5.0)}
    full |= {"recovered": phase(frame_goodput=1.0), "join": join, "loops": loops, "rss_per_viewer_kb": 120.0}
    rung = {"viewers": 150, "loops": loops, "burst": phase(), "single": phase(), "delays": [phase()]}
    return {
        "audience": 500,
        "machine": {"cores": 2, "cpu": "a <fast> one", "kernel": "6.1-x"},
        "commit": "abc",
        "at": "2026-11-23T00:00:00+00:00",
        "dtls_context_kb": 72.0,
        "full_house": full | {"lone": {"lone_join_ms_p50": 20.0}},
        "ladder": [rung],
        "two_workers": {"burst": phase(us_per_packet=1.7), "sent": [55, 45], "larger_share": 0.55},
        "chromium_join_ms": {"p50": 60.0},
        "loop_us": 4.0,
        "gso_loop_us": 1.2,
    }


def test_every_bar_can_pass() -> None:
    assert {row["result"] for row in verdict(report())} == {"PASS"}
    assert loop_us(report()) == 4.0


@pytest.mark.parametrize("bar", BARS, ids=lambda bar: bar.name)
def test_a_figure_on_the_wrong_side_fails(bar: Bar) -> None:
    beyond = bar.limit * (0.9 if bar.is_floor else 1.1)
    assert Bar(bar.name, bar.limit, "", lambda _: beyond, bar.is_floor).judge({})["result"] == "FAIL"


def test_what_the_engine_cannot_tell_is_said_and_not_passed() -> None:
    without = report()
    without["two_workers"] = {"unmeasured": "the engine reports no two workers", "burst": phase()}
    rows = [row for row in verdict(without) if row["result"] != "PASS"]
    assert [row["result"] for row in rows] == ["UNMEASURED"] * 2
    assert any("no two workers" in line for line in lines(rows))
    with pytest.raises(NotMeasurable):
        BARS[4].value({"full_house": {"delay": phase(engine_delay={"p99_us": 1, "since": "start"})}})


def test_a_delay_is_that_of_the_span_alone() -> None:
    def stats(*counts: int) -> dict[str, Any]:
        buckets = list(zip((100, 200, 400), counts, strict=True))
        return {"forward_delay_us": {"p50": 1, "p99": 2, "count": counts[-1], "buckets": buckets}}

    # All that came before was slow; the span was not.
    delay = delay_between(stats(0, 0, 1000), stats(98, 100, 1100))
    assert (delay["p50_us"], delay["p99_us"], delay["since"]) == (51.0, 150.0, "span")
    assert delay_between(stats(1, 1, 1), stats(1, 1, 1))["p99_us"] is None
    slow = stats(0, 0, 0)
    slow["forward_delay_us"]["count"] = 50
    assert delay_between(stats(0, 0, 0), slow)["p99_us"] == 400, "beyond the last bound"


def test_a_window_without_figures_spoils_no_other_bar() -> None:
    broken = report()
    broken["full_house"]["lone"] = {"lone_join_ms_p50": None}
    rows = verdict(broken)
    assert [row["result"] for row in rows].count("UNMEASURED") == 1
    assert lines(rows)


def test_the_rate_keeps_both_cores_below_the_aim() -> None:
    probe = {"us_per_packet": 2.0, "swarm_us_per_packet": 1.0, "viewers": 100}
    assert fps_for(60, probe) * 9 * 100 * 2e-6 == pytest.approx(0.6)
    assert fps_for(60, probe | {"swarm_us_per_packet": 4.0}) == pytest.approx(fps_for(60, probe) / 2)


def test_pictures_are_svg_that_name_machine_and_commit() -> None:
    for text in pictures(report()).values():
        assert ElementTree.fromstring(text).tag.endswith("svg")
        assert "a &lt;fast&gt; one" in text
        assert "commit abc" in text
    full = report()
    full["bars"] = verdict(full)
    assert table(full).count("PASS") == len(BARS)


def test_ticks_are_round_and_labels_do_not_cover_each_other() -> None:
    assert ticks(5.2) == [0, 2, 4, 6]
    assert ticks(500) == [0, 100, 200, 300, 400, 500]
    assert apart([100.0, 100.0, 50.0]) == [100.0, 115.0, 50.0]
    empty = line_chart("t", "s", "x", "y", [Line("none", "red", [])])
    assert ElementTree.fromstring(empty) is not None
