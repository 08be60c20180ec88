"""Which layers somebody watches is told as an event of the session that publishes them."""

from pathlib import Path

from tests.support.media_node_on_fake import node_on_fake, until


async def test_watched_layers_are_an_event_of_their_publisher(tmp_path: Path) -> None:
    async with node_on_fake(tmp_path) as node:
        await node.connected("whip", "lecturer")
        number = node.engine.called("publish")[-1][1]
        node.engine.emit("layers_wanted", 0, "999", b"l")  # Just gone.
        node.engine.emit("layers_wanted", 0, str(number), b"l,h")
        await until(lambda: "layers_wanted" in str(node.node.services.events.after(None, 0)))
        event = (await node.events())[-1]
        assert (event["type"], event["room"], event["participant"]) == ("layers_wanted", "room", "lecturer")
        assert event["session_id"]
        assert event["data"] == {"source": "camera", "publication_id": number, "wanted": ["l", "h"]}
