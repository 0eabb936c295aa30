"""Views of rows: what the API, webhooks and the console show of them."""
