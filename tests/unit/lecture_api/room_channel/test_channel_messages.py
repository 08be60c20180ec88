"""The channel's parser takes the protocol and nothing else."""

import json
import uuid

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lecture_api.core.rate_limit import RateLimit
from lecture_api.room_channel.messages import (
    AskRoster,
    Chat,
    Hide,
    MalformedMessageError,
    Mute,
    Pong,
    parse,
)

ID = uuid.UUID("01900000-0000-7000-8000-000000000001")


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ({"type": "pong", "n": 3}, Pong(3)),
        ({"type": "chat", "client_id": str(ID), "text": " 你好 "}, Chat(ID, "你好")),
        ({"type": "chat", "client_id": str(ID), "text": "x" * 500}, Chat(ID, "x" * 500)),
        ({"type": "hide", "message_id": str(ID)}, Hide(ID)),
        ({"type": "mute", "participant_id": str(ID), "muted": True}, Mute(ID, True)),
        ({"type": "roster", "on": False}, AskRoster(False)),
        ({"type": "from_the_future", "x": 1}, None),
    ],
)
def test_messages_of_the_protocol_are_understood(body, message):
    assert parse(json.dumps(body)) == message


@pytest.mark.parametrize(
    ("frame", "code"),
    [
        ("", "malformed"),
        ("[]", "malformed"),
        ("[" * 2_000, "malformed"),
        ('{"type":"pong","n":true}', "malformed"),
        (json.dumps({"type": "chat", "client_id": "7", "text": "x"}), "malformed"),
        (json.dumps({"type": "chat", "client_id": str(ID), "text": "  "}), "malformed"),
        (json.dumps({"type": "chat", "client_id": str(ID), "text": "a\x00b"}), "malformed"),
        (json.dumps({"type": "chat", "client_id": str(ID), "text": "\ud800"}), "malformed"),
        (json.dumps({"type": "chat", "client_id": str(ID), "text": "x" * 501}), "too_long"),
        ("x" * 5_000, "too_long"),
    ],
)
def test_everything_else_is_refused_by_code(frame, code):
    with pytest.raises(MalformedMessageError) as refused:
        parse(frame)
    assert refused.value.code == code


def outcome(frame):
    """What a frame comes to: a message, None, or a refusal code; anything else is a crash."""
    try:
        return parse(frame)
    except MalformedMessageError as error:
        return error.code


OUTCOMES = (Pong, Chat, Hide, Mute, AskRoster, type(None))


@given(st.text() | st.recursive(st.none() | st.text() | st.integers(), st.lists).map(json.dumps))
def test_any_text_parses_or_is_malformed(frame):
    result = outcome(frame)
    assert isinstance(result, OUTCOMES) or result in {"malformed", "too_long"}


kinds = st.sampled_from(["pong", "chat", "hide", "mute", "roster"])
names = st.sampled_from(["n", "client_id", "text", "message_id", "participant_id", "muted", "on"])
values = st.none() | st.booleans() | st.integers() | st.text() | st.just(str(ID))


@given(kinds, st.dictionaries(names, values))
def test_any_members_parse_or_are_malformed(kind, members):
    result = outcome(json.dumps({"type": kind, **members}))
    assert isinstance(result, OUTCOMES) or result in {"malformed", "too_long"}


def test_five_at_once_then_one_every_two_seconds():
    limit = RateLimit()
    assert [limit.allows(10.0) for _ in range(6)] == [True] * 5 + [False]
    assert [limit.allows(at) for at in (11.0, 12.1, 12.2, 14.2)] == [False, True, False, True]
