#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# An application in a virtual machine has vined on the host filter a picture:
# over vined's socket, above and below 4 GiB, and in a file that both were told
# of. The picture is the one that an application on the host gets.
# ctest: timeout=900 label=vm
set -u
. "${VINE_SRC_DIR:?}/tests/vm/lib.sh"

picture=$src/docs/img/picture.png
sum=$(command -v sha256sum)

# filter NAME CONFIG OPTION...: in a guest; its picture must be $want.
filter()
{
	local name=$1
	conf "$2"
	shift 2
	guest "$name" -f "$dir/guest.conf:/tmp/.vinetalk" \
		-f "$bin/filter-image:/filter-image" -f "$picture:/in.png" \
		-f "$sum:/sum" "$@" /bin/dash -c \
		'/filter-image /in.png /out.png && /sum /out.png' ||
		fail "$name ended with $?"
	grep -q "^$want " "$dir/$name.log" || fail "$name: another picture"
	echo "$name: the picture is right"
}

serve </dev/null
printf 'socket %s\ntrace 0\n' "$dir/sock" >"$dir/host.conf"
HOME=$dir VINE_CONFIG=$dir/host.conf "$bin/filter-image" "$picture" \
	"$dir/out.png" >"$dir/host.log" || fail "on the host: $?"
want=$("$sum" "$dir/out.png")
want=${want%% *}

filter below "shm_file pci:" "${below[@]}" "${doorbell[@]}"
grep -qF "is uncached" "$dir/below.log" || fail "no word of uncached memory"
filter above "shm_file pci:" "${above[@]}" "${doorbell[@]}"
grep -qF "uncached" "$dir/above.log" && fail "it is not write-back"
filter vectors "shm_file pci:" "${above[@]}" \
	"${doorbell[@]/vectors=1/vectors=4}"
[ "$(grep -c "session 0 closed" "$dir/vined.log")" = 4 ] ||
	fail "a session did not close in order"
stop_vined

# VineTalk's way: a file that both know, without a server; its first page is
# left alone.
truncate -s 64M "$dir/memory"
serve <<END
shm_file $dir/memory
shm_ivshmem 1
END
filter plain "shm_ivshmem 1" "${above[@]}" \
	-q -object -q \
	"memory-backend-file,id=m0,size=64M,mem-path=$dir/memory,share=on" \
	-q -device -q ivshmem-plain,memdev=m0,bus=rp0
stop_vined
