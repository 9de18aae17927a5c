#!/bin/sh
# Write the four lock files again from pyproject.toml. Needs uv.
set -eu
cd "$(dirname "$0")/.."
for out in requirements.lock requirements-dev.lock; do
  group="--group build"
  [ "$out" = requirements-dev.lock ] && group="--group build --group dev --extra parquet --extra postgres"
  # shellcheck disable=SC2086
  uv pip compile -q --universal --python-version 3.11 --no-emit-index-url --no-emit-find-links --generate-hashes \
    --extra demo $group pyproject.toml -o "$out" --custom-compile-command scripts/lock.sh "$@"
done
uv pip compile -q --universal --python-version 3.11 --no-emit-index-url --no-emit-find-links --generate-hashes \
  --group integrations -o requirements-integrations.lock --custom-compile-command scripts/lock.sh "$@"
uv pip compile -q --universal --python-version 3.11 --no-emit-index-url --no-emit-find-links --generate-hashes \
  --extra ray pyproject.toml -o requirements-ray.lock --custom-compile-command scripts/lock.sh "$@"
