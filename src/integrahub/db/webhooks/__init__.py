"""Webhook endpoints, their deliveries, and the attempts of each delivery."""
