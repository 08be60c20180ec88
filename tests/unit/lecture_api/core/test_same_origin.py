"""Which requests count as coming from our own pages."""

import pytest
from starlette.requests import HTTPConnection

from lecture_api.core.same_origin import is_same_origin


def connection(**headers: str) -> HTTPConnection:
    raw = [(name.replace("_", "-").encode(), value.encode("latin-1")) for name, value in headers.items()]
    return HTTPConnection({"type": "http", "headers": [(b"host", b"zhijian.test:8000"), *raw]})


@pytest.mark.parametrize(
    ("headers", "same"),
    [
        ({"origin": "http://zhijian.test:8000"}, True),
        ({"origin": "https://live.example.edu"}, True),
        ({"origin": "http://zhijian.test"}, False),
        ({"origin": "http://zhijian.test:8000.evil.example"}, False),
        ({"origin": "null"}, False),
        ({"origin": ""}, False),
        ({"origin": "http://[broken"}, False),
        ({"sec_fetch_site": "same-origin", "origin": "http://elsewhere"}, True),
        ({"sec_fetch_site": "none"}, True),
        ({"sec_fetch_site": "cross-site", "origin": "http://zhijian.test:8000"}, False),
        ({}, True),
        ({"cookie": "zhijian_login=x"}, False),
    ],
)
def test_same_origin(headers: dict[str, str], same: bool) -> None:
    assert is_same_origin(connection(**headers), "https://live.example.edu") is same


def test_no_public_url_and_no_host_match_nothing_empty() -> None:
    bare = HTTPConnection({"type": "http", "headers": [(b"origin", b"http://")]})
    assert not is_same_origin(bare, None)
