#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# A file on DAX across the boundary: the machine has it in a file system in the
# memory of virtio-pmem, the host has the object behind that. The file is one
# extent; the host is told where it begins. The machine forms the segment once,
# for how long the file is only its file system knows.
# ctest: timeout=600 label=vm
set -u
. "${VINE_SRC_DIR:?}/tests/vm/lib.sh"

for tool in mkfs.ext4 debugfs; do
	if ! PATH=$PATH:/sbin:/usr/sbin command -v $tool >/dev/null; then
		echo "skipped: there is no $tool (package e2fsprogs)"
		exit 77
	fi
done
PATH=$PATH:/sbin:/usr/sbin

mkdir "$dir/files"
tr '\0' x </dev/zero | head -c 16M >"$dir/files/segment"
truncate -s 128M "$dir/pmem"
mkfs.ext4 -q -b 4096 -d "$dir/files" "$dir/pmem" || fail "mkfs.ext4: $?"
read -ra blocks < <(debugfs -R "blocks /segment" "$dir/pmem" 2>/dev/null)
[ "${#blocks[@]}" = 4096 ] || fail "the file has ${#blocks[@]} blocks"
[ $((blocks[4095] - blocks[0])) = 4095 ] || fail "it is more than one extent"

pmem=(-m virtio_pci -m virtio_pmem -m nd_pmem
	-q -object -q
	"memory-backend-file,id=p0,size=128M,mem-path=$dir/pmem,share=on"
	-q -device -q virtio-pmem-pci,memdev=p0,id=nv0
	-f /bin/mount:/bin/mount -f /bin/mkdir:/bin/mkdir -f /bin/dd:/bin/dd
	-f /bin/grep:/bin/grep -f /bin/sleep:/bin/sleep -f /bin/cat:/bin/cat)
cat >"$dir/form.sh" <<'END'
set -e
mkdir /mnt
mount -t ext4 -o dax /dev/pmem0 /mnt
dd if=/dev/zero of=/mnt/segment bs=1M count=16 conv=notrunc 2>/dev/null
/vined -c /vined.conf 2>/log &
while ! grep -q "serving segment" /log; do sleep 0.1; done
cat /log
kill $!
wait $!
END
cat >"$dir/load.sh" <<'END'
mkdir /mnt
mount -t ext4 -o dax /dev/pmem0 /mnt && exec /vm-load "$@"
END
printf 'shm_file dax:/mnt/segment\ntrace 0\nworkers 1\ncpu_threads 1\n' \
	>"$dir/former.conf"
guest form -M 1024 "${pmem[@]}" -f "$bin/vined:/vined" \
	-f "$dir/former.conf:/vined.conf" -f "$dir/form.sh:/form.sh" \
	/bin/dash /form.sh || fail "form: $?"
grep "serving segment dax:" "$dir/form.log"

serve <<END
shm_file $dir/pmem
shm_off $((blocks[0] * 4096))
shm_trunc 0
state_dir $dir
lease 3600s
END
grep "serving segment" "$dir/vined.log"
conf "shm_file dax:/mnt/segment
lease 3600s"
guest load "${pmem[@]}" -f "$dir/guest.conf:/tmp/.vinetalk" \
	-f "$bin/vm-load:/vm-load" -f "$dir/load.sh:/load.sh" \
	/bin/dash /load.sh 2 4 20000 || fail "load: $?"
grep "tasks right" "$dir/load.log"
[ "$(count load "sessions opened")" = 1 ] || fail "another appliance answered"
stop_vined
