#!/usr/bin/env bash
# Builds the wheel, installs it in an empty environment outside the source tree, and runs it there.
# usage: tests/wheel.sh PYTHON   (a Python that has Poolscope's dependencies and pip)
#
# The dependencies come from PYTHON's environment through a .pth line, so that torch is not downloaded twice;
# Poolscope itself can only come from the wheel: lines of .pth files in that directory are not followed.
set -euo pipefail
cd "$(dirname "$0")/.."
python=$(realpath -s "$(command -v "${1:-.venv/bin/python}")")
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

isolation=()
if "$python" -c 'import setuptools; assert int(setuptools.__version__.split(".")[0]) >= 77' 2> /dev/null; then isolation=(--no-build-isolation); fi
"$python" -m pip wheel --quiet --disable-pip-version-check --no-deps "${isolation[@]}" --wheel-dir "$work/dist" .
"$python" -m venv --without-pip "$work/venv"
"$python" -m pip --python "$work/venv/bin/python" install --quiet --disable-pip-version-check --no-deps --no-index \
    "$work"/dist/poolscope-*.whl
packages=$("$python" -c 'import sysconfig; print(sysconfig.get_paths()["purelib"])')
site=$("$work/venv/bin/python" -c 'import sysconfig; print(sysconfig.get_paths()["purelib"])')
echo "$packages" > "$site/dependencies.pth"

mkdir "$work/home" "$work/elsewhere"
cd "$work/elsewhere"
export POOLSCOPE_HOME="$work/home"
poolscope="$work/venv/bin/poolscope"
place=$("$work/venv/bin/python" -c 'import poolscope; print(poolscope.__file__)')
case "$place" in "$site"/*) ;; *) echo "error: poolscope was imported from $place, not from the wheel" >&2; exit 1 ;; esac

"$poolscope" --version
"$poolscope" methods --json | "$python" -c 'import json, sys; assert json.load(sys.stdin)["methods"]'
"$poolscope" info
"$poolscope" info --json | "$python" -c 'import json, sys; assert json.load(sys.stdin)["pairs"] >= 20000'
echo "the wheel installs in an empty environment and runs"
