"""The composition root: puts features, media node and recorder together into processes, and the `zhijian`
command.

The only place of the API that may import streaming and recordings.
"""
