#!/bin/sh
# build.sh [FILE]: compiles mask.wasm, or FILE. The same source gives the same bytes.
set -eu
out=$(realpath "${1:-$(dirname "$0")/mask.wasm}")
cd "$(dirname "$0")"
. ../debian.sh

linker=/usr/lib/llvm-14/bin/wasm-ld
need /usr/bin/rustc rustc
need /usr/lib/rustlib/wasm32-unknown-unknown/lib libstd-rust-dev-wasm32
need $linker lld
stop_if_missing

# Keeps the names of functions, because the message of a trap shows them.
"$root/usr/bin/rustc" --sysroot="$root/usr" --target wasm32-unknown-unknown --crate-name mask --crate-type cdylib \
  --edition 2021 -D warnings -C opt-level=s -C codegen-units=1 -C lto -C panic=abort -C strip=debuginfo \
  -C linker="$root$linker" -o "$out" src/lib.rs
chmod -x "$out"
