#!/bin/sh
# Makes sure that some compiler here can build for wasm32-unknown-unknown: with rustup where its
# download site can be reached, else with Debian's compiler and the source of the standard library.
# Says nothing when there is nothing to do.
set -eu
target=wasm32-unknown-unknown
top=$(cd "$(dirname "$0")/../.." && pwd)

if ! command -v cargo >/dev/null; then
    echo "no cargo: install Rust 1.95 or later with rustup (rustup.rs)" >&2
    exit 1
fi

has_target() {
    for library in "$(rustc --print target-libdir --target $target)"/libstd-*.rlib; do
        [ -f "$library" ] && return
    done
    return 1
}

has_debian() {
    [ -x /usr/bin/cargo ] && [ -x /usr/bin/rustc ] &&
        [ -f "$(/usr/bin/rustc --print sysroot)/lib/rustlib/src/rust/library/std/Cargo.toml" ]
}

case ${ROLLCALL_WASM_TOOLCHAIN:-} in
rustup) has_target && exit 0 ;;
debian) has_debian && exit 0 ;;
*) if has_target || has_debian; then exit 0; fi ;;
esac

if [ "${ROLLCALL_WASM_TOOLCHAIN:-}" != debian ] && command -v rustup >/dev/null; then
    echo "adding the target $target with rustup"
    if timeout 180 env RUSTUP_MAX_RETRIES=1 rustup target add $target </dev/null && has_target; then
        exit 0
    fi
    echo "rustup cannot download it"
fi
if [ "${ROLLCALL_WASM_TOOLCHAIN:-}" = rustup ]; then
    echo "ROLLCALL_WASM_TOOLCHAIN=rustup, and the toolchain in use has no $target" >&2
    exit 1
fi
sh "$top/.ci/debian-packages" "the target $target" rustc-web cargo-web rust-web-src
if ! has_debian; then
    echo "Debian's compiler is installed but lacks the library source: is rust-web-src complete?" >&2
    exit 1
fi
