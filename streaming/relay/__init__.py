"""The native engine seen from Python: its interface, its shipped fake, its addresses. Nothing here knows HTTP
or rooms."""
