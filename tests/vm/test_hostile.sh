#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# A hostile machine writes garbage all over its segment, while another tenant's
# works: all that one gets is right, and vined serves on.
# ctest: timeout=600 label=vm
set -u
. "${VINE_SRC_DIR:?}/tests/vm/lib.sh"

seconds=${VINE_TEST_SECONDS:-30}
seed=${VINE_TEST_SEED:-$RANDOM}
echo "seed $seed, $seconds s"
conf "shm_file pci:
lease 3600s"
for tenant in bad good; do
	printf 'socket %s\nshm_size 32M\nlease 3600s\n%s' "$dir/$tenant.sock" \
		$'trace 0\nworkers 1\ncpu_threads 1\n' >"$dir/$tenant.conf"
done
"$bin/vined" -c "$dir/bad.conf" -c "$dir/good.conf" 2>"$dir/vined.log" &
vined=$!
await "$dir/vined.log" "serving segment $dir/good.sock" 30

# device TENANT: its machine's.
device()
{
	printf '%s\n' -q -chardev -q "socket,path=$dir/$1.sock,id=vine" \
		-q -device -q ivshmem-doorbell,chardev=vine,vectors=1,bus=rp0
}

# An application is at work on the segment when the garbage comes.
cat >"$dir/bad.sh" <<END
/vm-load 2 0 >/log 2>&1 &
while ! /bin/grep -q working /log; do /bin/sleep 0.1; done
exec /vm-garbage pci: $seconds $seed
END
mapfile -t of_bad < <(device bad)
mapfile -t of_good < <(device good)
guest bad -t $((seconds + 120)) -f "$dir/guest.conf:/tmp/.vinetalk" \
	"${above[@]}" "${of_bad[@]}" -f "$bin/vm-load:/vm-load" \
	-f "$bin/vm-garbage:/vm-garbage" -f "$dir/bad.sh:/bad.sh" \
	-f /bin/grep:/bin/grep -f /bin/sleep:/bin/sleep /bin/dash /bad.sh &
bad=$!
await "$dir/bad/output" "vm-garbage: working"
guest good -t $((seconds + 120)) -f "$dir/guest.conf:/tmp/.vinetalk" \
	"${above[@]}" "${of_good[@]}" "$bin/vm-load" 2 "$seconds" ||
	fail "the good tenant ended with $?"
wait $bad || fail "the hostile tenant ended with $?"
grep "words written" "$dir/bad.log"
grep "tasks right" "$dir/good.log"
stop_vined
