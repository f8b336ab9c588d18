#!/usr/bin/env bash
# Writes constraints.txt anew from pyproject.toml. Versions pinned before are kept where they still fit;
# with --upgrade the newest are taken.
set -euo pipefail
cd "$(dirname "$0")/../.."
mkdir -p .cache
new=.cache/constraints.new
old=.cache/constraints.old
tools=.cache/tools.in
printf '%s\n' hatchling hatch-nodejs-version hatch-jupyter-builder editables uv >"$tools"
: >"$new"
if [ "${1:-}" != --upgrade ] && [ -f constraints.txt ]; then
  cp constraints.txt "$new" # uv prefers the versions that its output file names
fi
cp "$new" "$old"
.venv/bin/uv pip compile pyproject.toml "$tools" --extra all --extra test --extra torch --universal --python-version 3.11 \
  --no-annotate --no-header --quiet --output-file "$new" >/dev/null
{
  echo "# What scripts/test and scripts/demo install, pinned. Written by scripts/lib/lock.sh."
  grep -E '^[A-Za-z0-9._-]+==' "$new"
} >constraints.txt
diff <(grep '==' "$old" || true) <(grep '==' constraints.txt) || true
