"""Webhooks: events, states, secrets and targets."""
