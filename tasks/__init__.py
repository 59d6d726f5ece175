"""Verbs (Prefect tasks) beside the rooms they call. No room imports Prefect."""
