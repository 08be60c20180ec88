"""The product: who, what, when, who was there, what they learned. FastAPI + SQLAlchemy, by feature."""
