#!/bin/sh
# Create the bucket, and a key per component that can access only this bucket. Secrets go from the environment to standard input, because a command
# line would show them in the process list.
set -eu
mc mb --ignore-existing store/integrahub-batches
mc admin policy create store integrahub-objects /etc/integrahub/objects.json
mc admin policy create store integrahub-rules /etc/integrahub/rules.json
key() { # user, secret, policy
  printf '%s\n%s\n' "$1" "$2" | mc admin user add store
  mc admin policy attach store "$3" --user "$1" || true # already attached
}
key integrahub-api "$API_STORAGE_SECRET" integrahub-objects
key integrahub-console "$CONSOLE_STORAGE_SECRET" integrahub-objects
key integrahub-worker "$WORKER_STORAGE_SECRET" integrahub-objects
key integrahub-lifecycle "$LIFECYCLE_STORAGE_SECRET" integrahub-rules
