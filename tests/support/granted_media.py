"""A media node as somebody reaches it whom the API lets in."""

from dataclasses import dataclass

import httpx


@dataclass
class GrantedMint:
    """Gives out the token that the API granted."""

    token: str

    def mint(self, _participant: str, _room: str, /) -> str:
        """The granted token, whoever asks."""
        return self.token


@dataclass
class GrantedNode:
    """The media node as a browser reaches it."""

    http: httpx.AsyncClient
    mint: GrantedMint


async def granted(http: httpx.AsyncClient, gathering_id: str, purpose: str) -> GrantedNode:
    """Asks for a media grant; `purpose`: watch or publish."""
    answer = await http.post(f"/api/gatherings/{gathering_id}/media-grant", json={"purpose": purpose})
    assert answer.status_code == 200, answer.text
    assert (
        answer.json()["url"].split("?")[0] == f"/{'whip' if purpose == 'publish' else 'whep'}/{gathering_id}"
    )
    return GrantedNode(http, GrantedMint(answer.json()["token"]))
