"""What the page /diagnose needs of the server; open to everyone, so it tells nothing and costs little."""
