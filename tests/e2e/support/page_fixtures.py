"""Answers of the API as docs/protocol/http_api.md shapes them, for looking at pages without a server.

Fictional people and titles of the demo data only. Nothing here is shipped: the client knows no mock.
"""

from datetime import UTC, datetime, timedelta
from typing import Any

Json = Any
MINUTE = 60_000


def instant(**offset: float) -> str:
    """An instant relative to now, as the API writes it."""
    now = datetime.now(UTC).replace(second=0, microsecond=0)
    return (now + timedelta(**offset)).isoformat().replace("+00:00", "Z")


def ref(name: str) -> Json:
    """Something with a name."""
    return {"id": f"id-{name}", "name": name}


O10, O20, O30, O40 = (
    ref("教工第一党支部"),
    ref("本科生第一党支部"),
    ref("研究生党支部"),
    ref("数据系-实验中心联合党支部"),
)
COLLEGE = ref("青禾学院党委")
LESSONS, STORIES, WORLD = ref("指尖微课"), ref("支部故事"), ref("学科看世界")


def me(*, administers: bool) -> Json:
    """A branch secretary, or a member."""
    return {
        "person_id": "id-褚乙亥",
        "display_name": "褚乙亥",
        "person_no_masked": "DEMO••11",
        "locale": "zh-CN",
        "roles": [
            {
                "role": "college_admin" if administers else "member",
                "organisation": COLLEGE if administers else O20,
            }
        ],
        "home_branch": O20,
        "password_is_one_time": False,
        "may": dict.fromkeys(
            ("administer_people", "administer_organisations", "create_gatherings"), administers
        ),
    }


def card(code: str, title: str, **changes: Any) -> Json:
    """One gathering as lists show it; scheduled unless told otherwise."""
    return {
        "id": code,
        "code": code,
        "title": title,
        "kind": "party_lecture",
        "state": "scheduled",
        "page_state": "scheduled",
        "organisation": O20,
        "lecturer": ref("赵甲子"),
        "column": None,
        "scheduled_start": instant(days=2),
        "scheduled_end": instant(days=2, hours=1),
        "actual_start": None,
        "actual_end": None,
        "viewer_count": None,
        "duration_ms": None,
        "records": True,
        "convened": True,
        "credit_hundredths": 100,
        "has_poster": False,
    } | changes


def replay(code: str, title: str, minutes: int, column: Json, days: float) -> Json:
    """A gathering that ended `days` ago and can be seen again."""
    return card(
        code,
        title,
        kind="micro_lesson",
        state="ended",
        page_state="replay",
        column=column,
        organisation=O10,
        scheduled_start=instant(days=-days),
        scheduled_end=instant(days=-days, minutes=minutes),
        actual_start=instant(days=-days),
        actual_end=instant(days=-days, minutes=minutes),
        duration_ms=minutes * MINUTE + 17_000,
        credit_hundredths=25,
    )


def coverage(length: int, *spans: tuple[str, float, float]) -> Json:
    """A coverage in minutes."""
    length_ms = length * MINUTE
    made = [{"kind": kind, "start_ms": int(a * MINUTE), "end_ms": int(b * MINUTE)} for kind, a, b in spans]
    by = {
        kind: sum(one["end_ms"] - one["start_ms"] for one in made if one["kind"] == kind)
        for kind in ("live", "replay", "bridged")
    }
    covered = sum(by.values())
    return {
        "length_ms": length_ms,
        "spans": made,
        "live_ms": by["live"],
        "replay_ms": by["replay"],
        "bridged_ms": by["bridged"],
        "covered_ms": covered,
        "share_percent_hundredths": covered * 10_000 // length_ms,
    }


LIVE = card(
    "live1",
    "校史馆里的一张旧课桌",
    state="live",
    page_state="live",
    organisation=O10,
    scheduled_start=instant(minutes=-24),
    actual_start=instant(minutes=-24),
    scheduled_end=instant(minutes=20),
    viewer_count=128,
)
UPCOMING = [
    card("up1", "读懂党章: 权利与义务", organisation=O20),
    card(
        "up2",
        "校友对话: 第一份工作教会我的事",
        kind="cloud_dialogue",
        organisation=COLLEGE,
        convened=False,
        scheduled_start=instant(days=4, hours=1),
    ),
    card("up3", "数据素养: 先求证再转发", organisation=O30, scheduled_start=instant(days=9)),
    card("up4", "从论文选题看国家需要", organisation=O40, scheduled_start=instant(days=16)),
]
MICRO = [
    replay("r1", "志愿服务的一百个小时", 12, LESSONS, 3),
    replay("r2", "一本账本里的诚信", 10, LESSONS, 5),
    replay("r3", "实验室安全与责任", 15, LESSONS, 8),
    replay("r4", "宿舍楼长的一学期", 9, LESSONS, 9),
    replay("r5", "数据素养: 先求证再转发", 13, LESSONS, 20),
]
STORY = [
    replay("r6", "乡村图书角共建纪实", 25, STORIES, 12),
    replay("r7", "青春的底色: 朗读会", 45, STORIES, 30),
]

HOME = {
    "live": [LIVE],
    "upcoming": UPCOMING,
    "replays": [{"column": LESSONS, "items": MICRO}, {"column": STORIES, "items": STORY}],
}
CREDIT = {"hundredths": 25, "category": "collective", "status": "confirmed"}
COVERAGES = {
    "r1": (coverage(12, ("live", 0, 7)), None),
    "r2": (coverage(10, ("live", 2, 10)), None),
    "r4": (coverage(9, ("live", 0, 5), ("replay", 5, 9)), CREDIT),
    "r6": (coverage(25, ("live", 0, 9), ("bridged", 9, 9.4), ("live", 9.4, 14), ("replay", 18, 22)), None),
}


def my_coverage() -> Json:
    """What the reader has seen of the lessons on the home page."""
    return {
        "items": [
            {
                "gathering_id": code,
                "coverage": seen,
                "attendance_status": "present",
                "makeup_status": "none",
                "credit": credit,
            }
            for code, (seen, credit) in COVERAGES.items()
        ]
    }


POLICY = {
    "version": 3,
    "text": "直播在场不少于 80% 为出席；迟到、早退宽限 10 分钟；断线 30 秒以内自动接续；"
    "直播加回放覆盖不少于 90% 为补学完成，期限 30 天。",
}


def presence(
    start: float, end: float, base: str, a: float, b: float, *, detail: str | None = None, kind: str = "live"
) -> Json:
    """One piece of evidence: wall minutes after `base`, programme minutes."""
    begin = datetime.fromisoformat(base)
    return {
        "kind": kind,
        "from": (begin + timedelta(minutes=start)).isoformat(),
        "to": (begin + timedelta(minutes=end)).isoformat(),
        "programme_start_ms": int(a * MINUTE),
        "programme_end_ms": int(b * MINUTE),
        "detail": detail,
    }


def record() -> Json:
    """A year with every kind of row."""
    first = replay("r10", "校史馆里的一张旧课桌", 45, None, 1) | {"kind": "party_lecture"}
    start = first["actual_start"]
    second = replay("r11", "读懂党章: 权利与义务", 90, None, 6) | {"kind": "party_lecture"}
    third = replay("r12", "数据素养: 先求证再转发", 60, None, 12) | {"kind": "live_stream", "convened": False}
    fourth = card(
        "r13",
        "组织生活会",
        kind="organizational_life_meeting",
        state="ended",
        page_state="not_recorded",
        records=False,
        actual_start=instant(days=-18),
        scheduled_start=instant(days=-18),
    )
    fifth = replay("r14", "从论文选题看国家需要", 28, None, 21) | {"kind": "live_stream"}
    return {
        "year": datetime.now(UTC).year,
        "target_hundredths": 3200,
        "collective_hundredths": 1500,
        "self_study_hundredths": 650,
        "items": [
            {
                "gathering": first,
                "coverage": coverage(
                    45, ("live", 2, 17), ("bridged", 17, 17.37), ("live", 17.37, 29), ("replay", 31, 45)
                ),
                "attendance_status": "left_early",
                "makeup_status": "made_up",
                "proposal": True,
                "why": [
                    {
                        "code": "share",
                        "params": {
                            "covered_ms": 27 * MINUTE,
                            "length_ms": 45 * MINUTE,
                            "percent_hundredths": 6000,
                        },
                    },
                    {"code": "bridged", "params": {"ms": 22_000, "gaps": 1}},
                    {
                        "code": "left_before_end",
                        "params": {"at_ms": 29 * MINUTE, "end_ms": 45 * MINUTE, "grace_ms": 10 * MINUTE},
                    },
                    {"code": "made_up", "params": {"percent_hundredths": 9111, "percent": 90}},
                ],
                "credit": {"hundredths": 100, "category": "collective", "status": "confirmed"},
                "evidence": [
                    presence(2, 17, start, 2, 17, detail="timeout"),
                    presence(17.37, 29, start, 17.37, 29, detail="left"),
                    presence(130, 144, start, 31, 45, kind="replay"),
                ],
                "policy": POLICY,
            },
            {
                "gathering": second,
                "coverage": coverage(90, ("live", 0, 90)),
                "attendance_status": "present",
                "makeup_status": "none",
                "proposal": False,
                "why": [{"code": "threshold_reached", "params": {"percent": 80}}],
                "credit": {"hundredths": 200, "category": "collective", "status": "confirmed"},
                "evidence": [presence(0, 90, second["actual_start"], 0, 90, detail="ended")],
                "policy": POLICY,
            },
            {
                "gathering": third,
                "coverage": coverage(60, ("replay", 0, 60)),
                "attendance_status": None,
                "makeup_status": None,
                "proposal": False,
                "why": [],
                "credit": {"hundredths": 100, "category": "self_study", "status": "confirmed"},
                "evidence": [],
                "policy": None,
            },
            {
                "gathering": fifth,
                "coverage": coverage(28, ("live", 12, 20)),
                "attendance_status": "pending",
                "makeup_status": "none",
                "proposal": True,
                "why": [{"code": "needs_recorder", "params": {}}],
                "credit": None,
                "evidence": [presence(12, 20, fifth["actual_start"], 12, 20)],
                "policy": POLICY,
            },
            {
                "gathering": fourth,
                "coverage": None,
                "attendance_status": "on_leave",
                "makeup_status": "none",
                "proposal": False,
                "why": [{"code": "on_leave", "params": {}}],
                "credit": None,
                "evidence": [],
                "policy": None,
            },
        ],
    }


def roll() -> Json:
    """A roll with undecided rows, a made-up one and an absent one."""
    people = [
        ("蒋丁丑", "left_early", "made_up", True, (("live", 2, 29), ("replay", 31, 45))),
        ("沈戊寅", "present", "none", False, (("live", 0, 45),)),
        ("韩己卯", "pending", "none", True, (("live", 6, 24), ("bridged", 24, 24.4), ("live", 24.4, 33))),
        ("杨庚辰", "absent", "none", True, ()),
        ("朱辛巳", "on_leave", "none", False, ()),
        ("秦壬午", "late", "none", False, (("live", 12, 45),)),
    ]
    rows = []
    for name, status, makeup, proposal, spans in people:
        seen = coverage(45, *spans)
        rows.append(
            {
                "person": ref(name),
                "branch": O20,
                "expected_as": "member",
                "attendance_status": status,
                "makeup_status": makeup,
                "proposal": proposal,
                "first_seen": instant(hours=-3) if spans else None,
                "last_seen": instant(hours=-2.3) if spans else None,
                "live_ms": seen["live_ms"],
                "covered_percent_hundredths": seen["share_percent_hundredths"],
                "coverage": seen,
                "credit": {"hundredths": 100, "category": "collective", "status": "confirmed"}
                if status == "present" or makeup == "made_up"
                else None,
            }
        )
    return {
        "gathering": replay("live1", "校史馆里的一张旧课桌", 45, None, 0.2),
        "counts": {"present": 1},
        "rows": rows,
    }


def organisations() -> Json:
    """The tree of the demo data."""
    rows = [
        ("O00", COLLEGE, "college_committee", None, None, 0),
        ("O10", O10, "branch", "faculty", COLLEGE, 10),
        ("O20", O20, "branch", "student", COLLEGE, 14),
        ("O30", O30, "branch", "student", COLLEGE, 12),
        ("O40", O40, "joint_branch", "mixed", COLLEGE, 6),
    ]
    return {
        "items": [
            {
                "id": one["id"],
                "code": code,
                "name": one["name"],
                "org_type": kind,
                "branch_kind": branch,
                "parent_id": parent and parent["id"],
                "member_count": count,
            }
            for code, one, kind, branch, parent, count in rows
        ]
    }


def columns() -> Json:
    """Three columns with what they are about."""
    texts = {
        "指尖微课": "十分钟讲清一件事，随时补看。",
        "支部故事": "各支部的人和事。",
        "学科看世界": "从专业出发看身边的问题。",
    }
    return {
        "items": [
            {"id": one["id"], "title": one["name"], "description": texts[one["name"]], "gathering_count": n}
            for one, n in ((LESSONS, 5), (STORIES, 2), (WORLD, 0))
        ]
    }


def people() -> Json:
    """A few members."""
    rows = [
        ("赵甲子", O10, ["secretary", "lecturer"], True),
        ("褚乙亥", O20, ["secretary"], True),
        ("蒋丁丑", O20, ["member"], True),
        ("尤癸未", O20, [], False),
    ]
    return {
        "next_cursor": None,
        "items": [
            {
                "id": f"id-{name}",
                "display_name": name,
                "person_no_masked": "DEMO••13",
                "person_category": "undergraduate",
                "membership_stage": "full_member",
                "home_branch": branch,
                "roles": [
                    {"grant_id": f"g-{name}-{role}", "role": role, "organisation": branch} for role in roles
                ],
                "has_account": has,
            }
            for name, branch, roles, has in rows
        ],
    }


def detail(one: Json) -> Json:
    """A card with everything around it."""
    return one | {
        "description": "一张课桌，四代人。",
        "may_watch": "college",
        "replay_release": "at_end",
        "permissions": {"watch": True, "publish": True, "host": True, "hold_roll": True, "edit": True},
        "recording": {"state": "off", "reason_off": None},
        "programme": {"ms": 0, "running": False, "as_of": instant()},
        "rules": {"threshold_percent": 80, "makeup_percent": 90, "makeup_days": 30},
        "host": None,
        "calendar_url": f"/api/gatherings/{one['id']}/calendar.ics",
    }


def answers(*, administers: bool = True) -> dict[str, Json]:
    """Every GET answer by path."""
    manage = [LIVE, *UPCOMING, *MICRO[:2]]
    return {
        "/api/me": me(administers=administers),
        "/api/gatherings?view=home": HOME,
        "/api/gatherings?view=manage": {"items": manage, "next_cursor": None},
        "/api/me/coverage": my_coverage(),
        "/api/me/record": record(),
        "/api/gatherings/live1/roll": roll(),
        "/api/gatherings/up1": detail(UPCOMING[0]),
        "/api/organisations": organisations(),
        "/api/columns": columns(),
        f"/api/columns/{LESSONS['id']}": columns()["items"][0],
        "/api/people": people(),
    }
