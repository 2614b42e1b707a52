#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# arm64-root.sh unpacks Check and liburing for arm64 into build/arm64-root, so
# that the preset aarch64 can build the runtime and the tests and run them under
# qemu. Nothing of the system changes and no root is needed: apt-get works on
# lists of its own. What is there already is not fetched again.
set -euo pipefail
cd "$(dirname "$0")/.."

packages="check libsubunit-dev liburing2 liburing-dev"
root=$PWD/build/arm64-root
done=$root/packages
if [ -e "$done" ] && [ "$(cat "$done")" = "$packages" ]; then
	exit 0
fi
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
chmod 755 "$work"
mkdir -p "$work/lists/partial" "$work/cache/archives/partial"
rm -rf "$root"
mkdir -p "$root"

apt=(apt-get -qq -o APT::Architecture=arm64 -o APT::Architectures::=arm64
	-o Dir::State::lists="$work/lists" -o Dir::State::status=/dev/null
	-o Dir::Cache="$work/cache" -o APT::Sandbox::User=root)
"${apt[@]}" update
# shellcheck disable=SC2086 # a list of words
(cd "$work" && "${apt[@]}" download $packages)
for package in "$work"/*.deb; do
	dpkg-deb -x "$package" "$root"
done
echo "$packages" >"$done"
