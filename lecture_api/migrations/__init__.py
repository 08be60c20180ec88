"""The database's history. One linear chain of revisions, named by order; every table from the first day."""
