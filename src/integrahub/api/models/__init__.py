"""Response models: one for the answer of each route. `/openapi.json` describes the answers by them."""
