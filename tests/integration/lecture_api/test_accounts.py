"""Signing in, staying signed in, and the administration of people, over HTTP."""

import asyncio
import uuid
from collections.abc import AsyncIterator
from datetime import date, timedelta

import pytest
from sqlalchemy import text

from lecture_api.accounts.logins import COOKIE
from lecture_api.core.actor import Role
from lecture_api.organisations.homes import home_branch_on
from tests.support.api import HOST, PASSWORD, College


async def sign_in(place: College, number: str, password: str = PASSWORD) -> tuple[int, str]:
    async with place.caller() as http:
        answer = await http.post("/api/sign-in", json={"person_no": number, "password": password})
        return answer.status_code, answer.json().get("code", "")


async def test_sign_in_sets_a_cookie_that_scripts_and_other_sites_do_not_get(place: College) -> None:
    async with place.caller() as http:
        answer = await http.post("/api/sign-in", json={"person_no": "member10", "password": PASSWORD})
    cookie = answer.headers["set-cookie"]
    assert "HttpOnly" in cookie
    assert "SameSite=lax" in cookie
    me = answer.json()
    assert me["home_branch"]["name"] == "organisation O10"
    assert me["may"] == {
        "administer_people": False,
        "administer_organisations": False,
        "create_gatherings": False,
    }


async def test_only_a_hash_of_the_cookie_and_no_readable_number_is_stored(place: College) -> None:
    async with place.signed_in("member10") as http:
        token = http.cookies[COOKIE]
    async with place.runtime.database.read() as db:
        stored = str((await db.execute(text("SELECT * FROM login_session"))).all())
        people = str(
            (await db.execute(text("SELECT person_no_encrypted, person_no_index FROM person"))).all()
        )
    assert token not in stored
    assert "member10" not in people


async def test_wrong_password_and_unknown_number_sound_the_same(place: College) -> None:
    assert await sign_in(place, "member10", "wrong") == (401, "credentials_wrong")
    assert await sign_in(place, "nobody", "wrong") == (401, "credentials_wrong")


async def test_guessing_is_slowed_down_and_the_right_password_waits_too(place: College) -> None:
    for _ in range(5):
        assert await sign_in(place, "member10", "wrong") == (401, "credentials_wrong")
    async with place.caller() as http:
        answer = await http.post("/api/sign-in", json={"person_no": "member10", "password": PASSWORD})
    assert (answer.status_code, answer.json()["code"]) == (429, "too_many_attempts")
    wait_s = int(answer.headers["retry-after"])
    assert await sign_in(place, "member20") == (200, "")
    place.clock.advance(seconds=wait_s)
    assert await sign_in(place, "member10") == (200, "")
    assert await sign_in(place, "member10", "wrong") == (401, "credentials_wrong")


async def test_one_address_that_guesses_at_many_accounts_is_slowed_down(place: College) -> None:
    for number in range(30):
        assert (await sign_in(place, f"nobody{number}", "wrong"))[0] == 401
    assert await sign_in(place, "member10") == (429, "too_many_attempts")


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"Origin": "https://evil.example"}, 403),
        ({"Origin": "null"}, 403),
        ({"Sec-Fetch-Site": "cross-site"}, 403),
        ({"Sec-Fetch-Site": "same-site"}, 403),
        ({"Sec-Fetch-Site": "same-origin"}, 200),
        ({"Origin": f"http://{HOST}"}, 200),
    ],
)
async def test_unsafe_request_from_another_site_is_refused(
    place: College, headers: dict[str, str], status: int
) -> None:
    async with place.signed_in("member10") as http:
        del http.headers["Origin"]
        answer = await http.put("/api/me/locale", json={"locale": "en"}, headers=headers)
    assert answer.status_code == status
    if status == 403:
        assert answer.json()["code"] == "cross_site_request"


async def test_cookie_without_any_sign_of_our_pages_is_refused(place: College) -> None:
    async with place.signed_in("member10") as http:
        del http.headers["Origin"]
        assert (await http.put("/api/me/locale", json={"locale": "en"})).status_code == 403


async def test_sign_out_ends_the_login(place: College) -> None:
    async with place.signed_in("member10") as http:
        token = http.cookies[COOKIE]
        assert (await http.post("/api/sign-out")).status_code == 204
        answer = await http.get("/api/me", headers={"Cookie": f"{COOKIE}={token}"})
    assert (answer.status_code, answer.json()["code"]) == (401, "not_signed_in")


async def test_login_ends_when_idle_and_use_keeps_it(place: College) -> None:
    async with place.signed_in("member10") as http:
        for _ in range(3):
            place.clock.advance(seconds=11 * 3600)
            assert (await http.get("/api/me")).status_code == 200
        place.clock.advance(seconds=12 * 3600 + 1)
        assert (await http.get("/api/me")).status_code == 401


async def test_login_ends_after_thirty_days_of_daily_use(place: College) -> None:
    async with place.signed_in("member10") as http:
        for _ in range(60):
            place.clock.advance(seconds=43_000)
            assert (await http.get("/api/me")).status_code == 200
        place.clock.advance(seconds=43_000)
        assert (await http.get("/api/me")).status_code == 401


async def test_expiry_never_cuts_a_running_lecture(place: College) -> None:
    async with place.signed_in("member10") as http:
        async with place.runtime.database.read() as db:
            login = (await db.execute(text("SELECT id FROM login_session"))).scalar_one()
        login_id = uuid.UUID(str(login))
        place.clock.advance(seconds=11 * 3600)
        assert place.runtime.extend_login is not None
        # Thirty days and more of one open room channel, asked every few hours.
        for _ in range(400):
            await place.runtime.extend_login(login_id)
            place.clock.advance(seconds=7000)
        assert (await http.get("/api/me")).status_code == 200
        place.clock.advance(seconds=timedelta(hours=13).total_seconds())
        assert (await http.get("/api/me")).status_code == 401


async def test_new_password_ends_all_other_logins(place: College) -> None:
    async with place.signed_in("member10") as here, place.signed_in("member10") as elsewhere:
        body = {"old": PASSWORD, "new": "another-good-one"}
        assert (await here.put("/api/me/password", json=body)).status_code == 204
        assert (await here.get("/api/me")).status_code == 200
        assert (await elsewhere.get("/api/me")).status_code == 401
    assert (await sign_in(place, "member10"))[0] == 401
    assert (await sign_in(place, "member10", "another-good-one"))[0] == 200


async def test_short_or_unchanged_password_is_refused(place: College) -> None:
    for new in ("short", PASSWORD):
        answer = await place.as_("member10", "PUT", "/me/password", {"old": PASSWORD, "new": new})
        assert (answer.status_code, answer.json()["code"]) == (422, "password_too_weak")


async def test_validation_problem_names_the_field_and_never_repeats_the_input(place: College) -> None:
    async with place.caller() as http:
        answer = await http.post("/api/sign-in", json={"person_no": "x", "passwort": "hunter2-secret"})
    assert (answer.status_code, answer.json()["code"]) == (422, "validation_failed")
    assert answer.headers["content-type"] == "application/problem+json"
    assert "hunter2" not in answer.text
    assert ["body", "password"] in [field["at"] for field in answer.json()["fields"]]


async def test_administrator_enters_a_person_who_signs_in_once_with_the_issued_password(
    place: College,
) -> None:
    body = {
        "person_no": "NEW001",
        "display_name": "新人",
        "person_category": "undergraduate",
        "membership_stage": "probationary_member",
        "home_branch_id": str(place.organisations["O20"]),
        "create_account": True,
    }
    created = await place.as_("admin", "POST", "/people", body)
    assert created.status_code == 201, created.text
    assert created.json()["person"]["home_branch"]["name"] == "organisation O20"
    assert created.json()["person"]["person_no_masked"] == "NE***01"
    assert (await sign_in(place, "new001", created.json()["one_time_password"]))[0] == 200
    again = await place.as_("admin", "POST", "/people", body)
    assert (again.status_code, again.json()["code"]) == (409, "person_no_taken")


@pytest.mark.parametrize("who", ["member10", "lecturer", "guest", "operator"])
async def test_people_are_nobody_else_s_business(place: College, who: str) -> None:
    answer = await place.as_(who, "GET", "/people")
    assert (answer.status_code, answer.json()["code"]) == (403, "not_authorised")


async def test_secretary_sees_the_own_branch_and_changes_nothing(place: College) -> None:
    seen = (await place.as_("secretary20", "GET", "/people")).json()["items"]
    assert {person["display_name"] for person in seen} == {"secretary20", "member20", "guest"}
    person = place.people["member20"]
    refused = await place.as_("secretary20", "PATCH", f"/people/{person}", {"display_name": "x"})
    assert refused.status_code == 403


async def test_administrator_finds_by_name_by_number_and_by_branch(place: College) -> None:
    async with place.signed_in("admin") as http:
        by_name = (await http.get("/api/people", params={"q": "ember1"})).json()["items"]
        by_number = (await http.get("/api/people", params={"q": " MEMBER20 "})).json()["items"]
        by_branch = (await http.get("/api/people", params={"branch": str(place.organisations["O20"])})).json()
    assert [person["display_name"] for person in by_name] == ["member10"]
    assert [person["display_name"] for person in by_number] == ["member20"]
    assert {person["display_name"] for person in by_branch["items"]} == {"secretary20", "member20"}


async def test_move_to_another_branch_that_overlaps_is_a_conflict(either_place: College) -> None:
    person = either_place.people["member10"]
    body = {"organisation_id": str(either_place.organisations["O20"]), "from": "2026-12-01"}
    moved = await either_place.as_("admin", "PUT", f"/people/{person}/home-branch", body)
    assert moved.status_code == 200, moved.text
    again = await either_place.as_(
        "admin", "PUT", f"/people/{person}/home-branch", body | {"from": "2026-11-01"}
    )
    assert (again.status_code, again.json()["code"]) == (409, "home_assignment_overlaps")
    college = body | {"organisation_id": str(either_place.organisations["O00"]), "from": "2027-01-01"}
    no_home = await either_place.as_("admin", "PUT", f"/people/{person}/home-branch", college)
    assert (no_home.status_code, no_home.json()["code"]) == (422, "not_a_home_branch")


async def test_mistaken_branch_is_corrected_on_the_same_day(either_place: College) -> None:
    person = either_place.people["member10"]
    for branch in ("O10", "O20"):
        body = {"organisation_id": str(either_place.organisations[branch]), "from": "2026-12-01"}
        moved = await either_place.as_("admin", "PUT", f"/people/{person}/home-branch", body)
        assert moved.status_code == 200, moved.text
    async with either_place.runtime.database.read() as db:
        home = await home_branch_on(db, person, date(2026, 12, 1))
        before = await home_branch_on(db, person, date(2026, 11, 30))
    assert home == either_place.organisations["O20"]
    assert before == either_place.organisations["O10"]


async def test_body_beyond_every_need_is_refused_unread(place: College) -> None:
    async def endless() -> AsyncIterator[bytes]:
        for _ in range(40):
            yield b"x" * 65536

    async with place.caller() as http:
        announced = await http.post("/api/sign-in", content=b"x" * (2 << 20))
        streamed = await http.post(
            "/api/sign-in", content=endless(), headers={"content-type": "application/json"}
        )
    for answer in (announced, streamed):
        assert (answer.status_code, answer.json()["code"]) == (413, "body_too_large")


async def test_roles_of_the_installation_are_not_granted_over_http(place: College) -> None:
    body = {"role": "system_admin", "organisation_id": str(place.organisations["O00"])}
    answer = await place.as_("admin", "POST", f"/people/{place.people['member10']}/roles", body)
    assert (answer.status_code, answer.json()["code"]) == (422, "role_not_grantable")


async def test_administrator_of_a_part_reaches_neither_beyond_it_nor_above(place: College) -> None:
    await place.person("part", role=Role.GENERAL_BRANCH_ADMIN, at="O20")
    beyond = await place.as_("part", "PATCH", f"/people/{place.people['member10']}", {"display_name": "x"})
    assert (beyond.status_code, beyond.json()["code"]) == (404, "person_not_found")
    body = {"role": "college_admin", "organisation_id": str(place.organisations["O00"])}
    above = await place.as_("part", "POST", f"/people/{place.people['member20']}/roles", body)
    assert (above.status_code, above.json()["code"]) == (403, "not_authorised")
    await place.person("boss", home="O20", role=Role.COLLEGE_ADMIN, at="O00")
    takeover = await place.as_("part", "POST", f"/people/{place.people['boss']}/password-reset")
    assert (takeover.status_code, takeover.json()["code"]) == (403, "not_authorised")


async def test_password_reset_ends_every_login_of_the_person(place: College) -> None:
    async with place.signed_in("member20") as http:
        reset = await place.as_("admin", "POST", f"/people/{place.people['member20']}/password-reset")
        assert (await http.get("/api/me")).status_code == 401
    assert (await sign_in(place, "member20", reset.json()["one_time_password"]))[0] == 200


async def test_organisations_are_read_by_all_and_changed_by_their_administrator(place: College) -> None:
    tree = (await place.as_("member10", "GET", "/organisations")).json()["items"]
    assert {item["code"]: item["member_count"] for item in tree} == {"O00": 0, "O10": 3, "O20": 2}
    college = str(place.organisations["O00"])
    body = {"code": "O30", "name": "third", "org_type": "branch", "parent_id": college}
    assert (await place.as_("secretary10", "POST", "/organisations", body)).status_code == 403
    assert (await place.as_("admin", "POST", "/organisations", body)).status_code == 201
    taken = await place.as_("admin", "POST", "/organisations", body)
    assert (taken.status_code, taken.json()["code"]) == (409, "organisation_code_taken")
    below = {"parent_id": str(place.organisations["O10"])}
    cycle = await place.as_("admin", "PATCH", f"/organisations/{college}", below)
    assert (cycle.status_code, cycle.json()["code"]) == (422, "organisation_cycle")


async def test_columns_are_kept_by_who_arranges_gatherings(place: College) -> None:
    assert (await place.as_("member10", "POST", "/columns", {"title": "x"})).status_code == 403
    made = (await place.as_("secretary10", "POST", "/columns", {"title": "指尖微课"})).json()
    await place.scheduled(column_id=made["id"])
    listed = (await place.as_("member10", "GET", "/columns")).json()["items"]
    assert [(item["title"], item["gathering_count"]) for item in listed] == [("指尖微课", 1)]
    taken = await place.as_("secretary10", "POST", "/columns", {"title": "指尖微课"})
    assert (taken.status_code, taken.json()["code"]) == (409, "column_title_taken")
    renamed = await place.as_("admin", "PATCH", f"/columns/{made['id']}", {"description": "short"})
    assert renamed.json()["description"] == "short"


async def test_first_failures_at_once_are_all_counted(either_place: College) -> None:
    # On PostgreSQL each of them finds no row of the bucket; none may end as an error of ours.
    wrong = {"person_no": "NOBODY1", "password": "wrong-password"}
    async with either_place.caller() as caller:
        answers = await asyncio.gather(*(caller.post("/api/sign-in", json=wrong) for _ in range(4)))
    assert {answer.status_code for answer in answers} == {401}
