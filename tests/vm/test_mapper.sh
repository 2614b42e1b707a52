#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# Each kind of object that only a virtual machine has does what an object must
# (tests/lib/mapper.h), and the kernel keeps the memory of a device as it
# should: write-back above 4 GiB, uncached below.
# ctest: timeout=600 label=vm
set -u
. "${VINE_SRC_DIR:?}/tests/vm/lib.sh"

# plain PLACE: the memory of an ivshmem device without a server.
truncate -s 16M "$dir/memory"
plain=(-q -object -q
	"memory-backend-file,id=m0,size=16M,mem-path=$dir/memory,share=on"
	-q -device -q ivshmem-plain,memdev=m0,bus=rp0)

guest above "${above[@]}" "${plain[@]}" "$bin/vm-map" pci: 0x1000000 \
	pci:0000:7f:00.0 write-back || fail "above 4 GiB: $?"
grep -F "is write-back" "$dir/above.log"
guest below "${below[@]}" "${plain[@]}" "$bin/vm-map" pci: 0x1000000 \
	pci:0000:7f:00.0 uncached || fail "below 4 GiB: $?"
grep -F "is uncached" "$dir/below.log"

# A file on DAX: a file system in the memory of virtio-pmem.
if ! command -v mkfs.ext4 >/dev/null; then
	echo "no mkfs.ext4 (package e2fsprogs): nothing was tried on DAX"
	exit 0
fi
truncate -s 128M "$dir/pmem"
mkfs.ext4 -q -b 4096 "$dir/pmem"
pmem=(-m virtio_pci -m virtio_pmem -m nd_pmem
	-q -object -q
	"memory-backend-file,id=p0,size=128M,mem-path=$dir/pmem,share=on"
	-q -device -q virtio-pmem-pci,memdev=p0,id=nv0)
# its blocks are written, so that the file has extents
cat >"$dir/dax.sh" <<'END'
set -e
mkdir /mnt
mount -t ext4 -o "$1" /dev/pmem0 /mnt
dd if=/dev/zero of=/mnt/segment bs=1M count=16 2>/dev/null
exec /vm-map dax:/mnt/segment 0x1000000 dax:/mnt/none
END
tools=(-f /bin/mount:/bin/mount -f /bin/mkdir:/bin/mkdir -f /bin/dd:/bin/dd
	-f "$bin/vm-map:/vm-map" -f "$dir/dax.sh:/dax.sh")
guest dax "${pmem[@]}" "${tools[@]}" /bin/dash /dax.sh dax ||
	fail "on DAX: $?"
grep -F "is of kind dax" "$dir/dax.log"
# the same file where it is not on DAX must be refused, not mapped
guest nodax "${pmem[@]}" "${tools[@]}" /bin/dash /dax.sh rw &&
	fail "a file that is not on DAX was taken"
grep -F "is not on DAX" "$dir/nodax.log" || fail "it was not said why"
