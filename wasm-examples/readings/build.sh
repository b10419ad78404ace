#!/bin/sh
# build.sh [FILE]: compiles readings.wasm, or FILE. The same source gives the same bytes.
set -eu
out=$(realpath "${1:-$(dirname "$0")/readings.wasm}")
cd "$(dirname "$0")"
. ../debian.sh

llvm=/usr/lib/llvm-14
need $llvm/bin/clang clang
need $llvm/bin/wasm-ld lld
need /usr/lib/wasm32-wasi/libc.a wasi-libc
need $llvm/lib/clang/14.0.6/lib/wasi/libclang_rt.builtins-wasm32.a libclang-rt-14-dev-wasm32
stop_if_missing

objects=$(mktemp -d)
trap 'rm -rf "$objects"' EXIT
clang() {
  "$root$llvm/bin/clang" --target=wasm32-wasi --sysroot="$root/usr" "$@"
}

# The link step has no -Os, because it would then run any wasm-opt that is on PATH. It keeps the names of functions, because
# the message of a trap shows them.
clang -std=c17 -Wall -Wextra -Werror -Os -c -o "$objects/readings.o" readings.c
clang -Wl,--gc-sections -Wl,--strip-debug -o "$out" "$objects/readings.o"
chmod -x "$out"
