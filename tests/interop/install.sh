#!/bin/sh
# Installs what the tests with real peers need from Debian. Says nothing when all is there.
set -eu
top=$(cd "$(dirname "$0")/../.." && pwd)
had_kamailio=$(command -v kamailio || true)

# sip-tester: SIPp. kamailio: the edge proxy, and the presence server that `make bench` compares
# with. baresip-core: a phone. libxml2-utils: xmllint, which checks documents against schemas.
sh "$top/.ci/debian-packages" "the tests with real peers" \
    sip-tester kamailio kamailio-presence-modules kamailio-xml-modules baresip-core libxml2-utils

# The tests start their own; the package's service would only sit on port 5060.
if [ -z "$had_kamailio" ] && [ -d /run/systemd/system ]; then
    if [ "$(id -u)" = 0 ]; then as_root=; else as_root=sudo; fi
    $as_root systemctl disable --now kamailio >/dev/null 2>&1 || true
fi
