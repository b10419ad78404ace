#!/bin/sh
# build.sh [FOLDER]: compiles the programs with which failures and file descriptor 3 are tested, here or into FOLDER. The same
# source gives the same bytes.
set -eu
out=$(realpath "${1:-$(dirname "$0")}")
cd "$(dirname "$0")"
. ../../../wasm-examples/debian.sh

llvm=/usr/lib/llvm-14
need $llvm/bin/clang clang
need $llvm/bin/wasm-ld lld
need /usr/lib/wasm32-wasi/libc.a wasi-libc
need $llvm/lib/clang/14.0.6/lib/wasi/libclang_rt.builtins-wasm32.a libclang-rt-14-dev-wasm32
need /usr/bin/rustc rustc
need /usr/lib/rustlib/wasm32-wasi/lib libstd-rust-dev-wasm32
stop_if_missing

objects=$(mktemp -d)
trap 'rm -rf "$objects"' EXIT
clang() {
  "$root$llvm/bin/clang" --target=wasm32-wasi --sysroot="$root/usr" "$@"
}

clang -std=c17 -Wall -Wextra -Werror -Os -c -o "$objects/writer.o" writer.c
clang -Wl,--gc-sections -Wl,--strip-debug -o "$out/writer.wasm" "$objects/writer.o"
"$root/usr/bin/rustc" --sysroot="$root/usr" --target wasm32-wasi --edition 2021 -D warnings -C opt-level=s \
  -C codegen-units=1 -C lto -C strip=debuginfo -C linker="$root$llvm/bin/wasm-ld" -o "$out/panics.wasm" panics.rs
chmod -x "$out/writer.wasm" "$out/panics.wasm"
