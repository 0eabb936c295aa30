"""Mutations: guards dropped one at a time in a copy of the tree; a test that names each must fail without it."""
