# For the build scripts of samples whose compilers come from packages of Debian 12. They install nothing.

root=${DEBIAN_ROOT:-} # where the packages are unpacked, when they are not installed
PATH=$root/usr/bin:$PATH # clang looks for its linker there
missing=

# need FILE PACKAGE: notes a package whose file is not there.
need() {
  [ -e "$root$1" ] || missing="$missing $2"
}

# stop_if_missing: ends the script unless all is there that it needs.
stop_if_missing() {
  [ -z "$missing" ] && return
  echo "Packages of Debian 12 are missing: apt-get install$missing" >&2
  exit 1
}
