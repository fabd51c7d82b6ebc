#!/bin/sh
# run.sh SECONDS [TARGET...]: fuzzes all targets, or those named, for so many seconds each. Ends with an
# error at the first finding, which lies in artifacts/ then. Corpora in corpus/ are kept and grow.
set -eu
cd "$(dirname "$0")"
seconds=$1
shift
version=${CARGO_FUZZ_VERSION:?}
target_dir=${CARGO_TARGET_DIR:-$PWD/target}
tools=$target_dir/tools

runs() { [ "$("$1" --version 2>/dev/null)" = "cargo-fuzz $version" ]; }
fuzz=cargo-fuzz
if ! runs $fuzz; then
    fuzz=$tools/bin/cargo-fuzz
    if ! runs "$fuzz"; then
        echo "building cargo-fuzz $version"
        CARGO_PROFILE_DEV_DEBUG=0 CARGO_TARGET_DIR=$tools/target \
            cargo install cargo-fuzz --version "$version" --locked --debug --quiet --root "$tools"
        rm -rf "$tools/target"
    fi
fi

# Sanitizers are unstable options. A stable compiler takes them when it is told to.
if rustup run nightly rustc --version >/dev/null 2>&1; then
    export RUSTUP_TOOLCHAIN=nightly
else
    export RUSTC_BOOTSTRAP=1
fi
export CARGO_TARGET_DIR="$target_dir/fuzz"

# Each of the RFCs' patches with what it is applied to, or the outcome of it, behind a zero byte; with what is to stand
# before the first and before the second of them.
pairs() {
    for before in ../data/patches/*-"$2".xml; do
        name=$(basename "$before" "-$2.xml")
        { printf %s "${4-}"; cat "$before"; printf '\0%s' "${5-}"; cat "../data/patches/$name-$3.xml"; } >"$1/$name"
    done
}

# Every line of a list is one seed.
seed() {
    number=0
    while IFS= read -r line; do
        number=$((number + 1))
        printf %s "$line" >"$1/seed-$number"
    done <"$2"
}

[ $# -gt 0 ] || set -- $("$fuzz" list --fuzz-dir .)
"$fuzz" build --fuzz-dir .
for target in "$@"; do
    corpus=corpus/$target
    mkdir -p "$corpus"
    dictionary=sip.dict
    case $target in
    wire | stream | value_message | value_dialog | value_spans) cp ../../host/sip/tests/data/torture/*.dat "$corpus" ;;
    document | composition)
        cp ../../plugin/tests/data/*.xml "$corpus"
        dictionary=xml.dict
        ;;
    patch | difference | partial_publication | partial_notification)
        case $target in
        patch) pairs "$corpus" before patch ;;
        difference) pairs "$corpus" before after ;;
        *) pairs "$corpus" full diff ;;
        esac
        dictionary=xml.dict
        ;;
    community)
        pairs "$corpus" full diff 1 1
        dictionary=xml.dict
        ;;
    rehearsed_bodies)
        pairs "$corpus" before after 0
        dictionary=xml.dict
        ;;
    recording) ;;
    configuration) seed "$corpus" seeds/configuration.txt ;;
    source) seed "$corpus" seeds/source.txt ;;
    reginfo)
        seed "$corpus" seeds/reginfo.txt
        dictionary=xml.dict
        ;;
    *) seed "$corpus" seeds/values.txt ;;
    esac
    echo "== $target, $seconds s"
    "$fuzz" run --fuzz-dir . "$target" "$corpus" -- \
        -max_total_time="$seconds" -max_len=4096 -timeout=10 -dict=$dictionary -print_final_stats=1 -verbosity=0
done
