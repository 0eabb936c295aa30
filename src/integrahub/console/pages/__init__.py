"""Pages of the console, one module or more per area. Each module with `build_router` is mounted by the app."""
