"""Rollout of a version: verify, plan, expand the schema, roll the roles, check, and roll back by itself.

It needs Python alone, so a job that holds credentials of an environment installs nothing.
"""
