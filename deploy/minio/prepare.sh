#!/bin/sh
# The bucket, and a key for each component that reaches it and nothing else. Secrets are read from the environment and handed on by standard input:
# a command line would show them in the list of processes.
set -eu
mc mb --ignore-existing store/integrahub-batches
mc admin policy create store integrahub-objects /etc/integrahub/objects.json
mc admin policy create store integrahub-rules /etc/integrahub/rules.json
key() { # user, secret, policy
  printf '%s\n%s\n' "$1" "$2" | mc admin user add store
  mc admin policy attach store "$3" --user "$1" || true # it has it already
}
key integrahub-api "$API_STORAGE_SECRET" integrahub-objects
key integrahub-worker "$WORKER_STORAGE_SECRET" integrahub-objects
key integrahub-lifecycle "$LIFECYCLE_STORAGE_SECRET" integrahub-rules
