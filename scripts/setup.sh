#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# setup.sh installs what libvine is built and tested with, on Debian 12. It
# installs only what is missing, as root or through sudo, and may be run again
# at any time. It gets the kernel that tests boot in virtual machines, too;
# without that kernel those tests are skipped.
set -euo pipefail

build="gcc libc6-dev binutils make cmake ninja-build pkg-config"
services="libssl-dev libzstd-dev libopenblas-dev libfftw3-dev"
daemon="libsystemd-dev liburing-dev libseccomp-dev libjansson-dev
	libdw-dev systemtap-sdt-dev"
examples="libpng-dev"
tests="check zstd git lcov clang llvm libclang-rt-14-dev valgrind spin mandoc
	g++ relacy-dev"
cross="gcc-aarch64-linux-gnu libc6-dev-arm64-cross qemu-user"
machines="qemu-system-x86 cpio kmod e2fsprogs"
benchmarks="fio gnuplot-nox"
packages="$build $services $daemon $examples $tests $cross $machines $benchmarks"

say()
{
	echo "setup: $*"
}

# is_installed tells whether dpkg has the package ready for use.
is_installed()
{
	dpkg-query -W -f '${db:Status-Status}\n' "$1" 2>/dev/null |
		grep -qx installed
}

# kernel gets the one of tests/vm.
kernel()
{
	if ! "$(dirname "$0")/vm-kernel.sh" >/dev/null; then
		say "no kernel for virtual machines: tests/vm will be skipped"
	fi
}

if ! command -v dpkg-query >/dev/null; then
	say "this is not Debian; install what these packages hold: $packages" >&2
	exit 1
fi

missing=""
for package in $packages; do
	is_installed "$package" || missing="$missing $package"
done
if [ -z "$missing" ]; then
	say "all packages are installed"
	kernel
	exit 0
fi
say "missing:$missing"

as_root=""
if [ "$(id -u)" != 0 ]; then
	if ! command -v sudo >/dev/null; then
		say "run this as root, or install sudo" >&2
		exit 1
	fi
	as_root="sudo"
fi

# apt runs apt-get; what it prints is shown only if it fails.
apt()
{
	local log
	log=$(mktemp)
	if ! $as_root env DEBIAN_FRONTEND=noninteractive apt-get -q -y \
		-o Dpkg::Use-Pty=0 "$@" >"$log" 2>&1 </dev/null; then
		cat "$log" >&2
		rm -f "$log"
		say "apt-get $1 failed" >&2
		exit 1
	fi
	rm -f "$log"
}

say "apt-get update"
apt update
say "apt-get install"
# shellcheck disable=SC2086 # a list of words
apt install --no-install-recommends $missing
kernel
say "done"
