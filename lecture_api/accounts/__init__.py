"""People, their accounts, logins and roles, and the administration of people."""
