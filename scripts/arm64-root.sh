#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# arm64-root.sh unpacks Check for arm64 into build/arm64-root, so that the
# preset aarch64 can build the tests and run them under qemu. Nothing of the
# system changes and no root is needed: apt-get works on lists of its own.
set -euo pipefail
cd "$(dirname "$0")/.."

root=$PWD/build/arm64-root
if [ -e "$root/usr/include/check.h" ]; then
	exit 0
fi
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
chmod 755 "$work"
mkdir -p "$work/lists/partial" "$work/cache/archives/partial" "$root"

apt=(apt-get -qq -o APT::Architecture=arm64 -o APT::Architectures::=arm64
	-o Dir::State::lists="$work/lists" -o Dir::State::status=/dev/null
	-o Dir::Cache="$work/cache" -o APT::Sandbox::User=root)
"${apt[@]}" update
(cd "$work" && "${apt[@]}" download check libsubunit-dev)
for package in "$work"/*.deb; do
	dpkg-deb -x "$package" "$root"
done
