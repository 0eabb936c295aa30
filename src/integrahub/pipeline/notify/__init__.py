"""Notify: send the events of batches and pharmacies to the webhook endpoints of clients and of the operator."""
