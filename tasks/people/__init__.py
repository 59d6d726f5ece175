"""Who works with the tool: operators and their roles, one-time codes, portal logins."""
