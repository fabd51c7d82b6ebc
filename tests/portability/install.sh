#!/bin/sh
# Installs Node and npm for the portability test, where they are missing: any Node from 18 on, from wherever
# it came, else Debian's. Says nothing when all is there. npm's own packages are the test's business.
set -eu
top=$(cd "$(dirname "$0")/../.." && pwd)

if ! command -v node >/dev/null; then
    sh "$top/.ci/debian-packages" "the portability test" nodejs npm
elif ! command -v npm >/dev/null; then
    sh "$top/.ci/debian-packages" "the portability test" npm
fi

major=$(node --version | sed 's/^v\([0-9]*\).*/\1/')
if [ "$major" -lt 18 ]; then
    echo "the portability test needs Node 18 or later, but this is $(node --version)" >&2
    exit 1
fi
