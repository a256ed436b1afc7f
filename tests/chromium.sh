#!/usr/bin/env bash
# Makes sure that there is a Chromium for the browser tests: installs Debian's as root, else says what to do.
set -euo pipefail
for name in chromium chromium-browser; do
    if command -v "$name" > /dev/null; then exit 0; fi
done
if [ "$(id -u)" = 0 ] && command -v apt-get > /dev/null; then
    echo "Installing Chromium for the browser tests"
    export DEBIAN_FRONTEND=noninteractive
    apt-get update -qq
    apt-get install -y -qq --no-install-recommends chromium fonts-dejavu-core > /dev/null
    command -v chromium > /dev/null && exit 0
fi
echo "error: the browser tests need Chromium: install the package 'chromium' (apt-get install chromium), then run this again" >&2
exit 1
