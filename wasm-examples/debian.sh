# For the build scripts of samples whose compilers are packages of Debian 12. The scripts install nothing.

root=${DEBIAN_ROOT:-} # where the packages are unpacked, when they are not installed
PATH=$root/usr/bin:$PATH # clang looks for its linker there
missing=

# need FILE PACKAGE: adds the package to the missing ones if the file is not there.
need() {
  [ -e "$root$1" ] || missing="$missing $2"
}

# stop_if_missing: ends the script if packages are missing, and names them.
stop_if_missing() {
  [ -z "$missing" ] && return
  echo "Packages of Debian 12 are missing: apt-get install$missing" >&2
  exit 1
}
