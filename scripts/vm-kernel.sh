#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# vm-kernel.sh unpacks the kernel that the tests of tests/vm boot, Debian's
# cloud kernel, into build/vm-kernel: vmlinuz, the modules that the tests may
# want, and for each of them a list with those it needs before it. Nothing of
# the system changes and no root is needed: apt-get works on lists of its own.
# It prints the folder.
set -euo pipefail
cd "$(dirname "$0")/.."

meta=linux-image-cloud-amd64
wanted="virtio_pci virtio_console virtio_pmem nd_pmem vfio-pci vfio_iommu_type1"
root=$PWD/build/vm-kernel

if [ -e "$root/vmlinuz" ]; then
	echo "$root"
	exit 0
fi
for tool in apt-get dpkg-deb depmod modprobe; do
	if ! PATH=$PATH:/sbin:/usr/sbin command -v "$tool" >/dev/null; then
		echo "vm-kernel: there is no $tool" >&2
		exit 1
	fi
done
PATH=$PATH:/sbin:/usr/sbin
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
chmod 755 "$work"
mkdir -p "$work/lists/partial" "$work/cache/archives/partial" \
	"$work/tree" "$work/root/modules"

apt=(-o APT::Architecture=amd64 -o APT::Architectures::=amd64
	-o Dir::State::lists="$work/lists" -o Dir::State::status=/dev/null
	-o Dir::Cache="$work/cache" -o APT::Sandbox::User=root)
apt-get -qq "${apt[@]}" update
package=$(apt-cache "${apt[@]}" depends "$meta" |
	sed -n 's/^ *Depends: \(linux-image-.*\)$/\1/p' | head -n 1)
if [ -z "$package" ]; then
	echo "vm-kernel: package $meta names no kernel" >&2
	exit 1
fi
(cd "$work" && apt-get -qq "${apt[@]}" download "$package")
dpkg-deb -x "$work/$package"_*.deb "$work/tree"

version=${package#linux-image-}
depmod -b "$work/tree" "$version"
for module in $wanted; do
	modprobe -d "$work/tree" -S "$version" --show-depends "$module" |
		while read -r what file _; do
			# "builtin NAME" needs nothing
			[ "$what" = insmod ] || continue
			cp "$file" "$work/root/modules/"
			basename "$file"
		done >"$work/root/modules/$module.list"
done
cp "$work/tree/boot/config-$version" "$work/root/config"
cp "$work/tree/boot/vmlinuz-$version" "$work/root/vmlinuz"
mkdir -p "$(dirname "$root")"
# as a whole or not at all; another one may have been faster
mv -T "$work/root" "$root" 2>/dev/null || [ -e "$root/vmlinuz" ]
chmod 755 "$root"
echo "$root"
