# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
#
# What the tests of tests/vm share; to be sourced. $dir is a folder that goes at
# the end, $vm the harness, and whoever was started by serve ends then.

src=${VINE_SRC_DIR:?} bin=${VINE_BIN_DIR:?}
vm=$src/tests/vm/vm.sh
dir=$(mktemp -d) || exit 1
vined=""

finish()
{
	[ -z "$vined" ] || kill -9 "$vined" 2>/dev/null
	rm -rf "$dir"
}
trap finish EXIT

fail()
{
	local log
	echo "FAILED: $*"
	for log in "$dir"/*.log; do
		[ -e "$log" ] && sed "s|^|$(basename "$log"): |" "$log"
	done
	exit 1
}

# await FILE TEXT [SECONDS]: until the file has it.
await()
{
	local i
	for ((i = 0; i < ${3:-120} * 10; i++)); do
		grep -qF -e "$2" "$1" 2>/dev/null && return
		sleep 0.1
	done
	fail "$1 has no \"$2\""
}

# guest NAME OPTION... PROGRAM...: the harness, with its output in NAME.log;
# returns its status. A machine without QEMU or kernel skips the test.
guest()
{
	local name=$1 rc
	shift
	mkdir -p "$dir/$name"
	bash "$vm" -d "$dir/$name" "$@" >"$dir/$name.log" 2>&1
	rc=$?
	if [ $rc = 77 ]; then
		grep '^skipped:' "$dir/$name.log"
		exit 77
	fi
	return $rc
}

# serve: vined on the socket $dir/sock, or with the config lines on stdin.
serve()
{
	cat >"$dir/vined.conf"
	grep -q '^s' "$dir/vined.conf" || echo "socket $dir/sock
shm_size 64M" >>"$dir/vined.conf"
	printf 'trace 0\nworkers 1\ncpu_threads 1\n' >>"$dir/vined.conf"
	"$bin/vined" -c "$dir/vined.conf" -l debug 2>"$dir/vined.log" &
	vined=$!
	await "$dir/vined.log" "serving segment" 30
}

# run_in NAME OPTION... -- PROGRAM...: a program in a guest that has the config
# and a device, write-back, of $dir/sock
run_in()
{
	local name=$1 options=()
	shift
	while [ "$1" != -- ]; do
		options+=("$1")
		shift
	done
	shift
	guest "$name" -f "$dir/guest.conf:/tmp/.vinetalk" "${above[@]}" \
		"${doorbell[@]}" "${options[@]+"${options[@]}"}" "$@"
}

# load NAME OPTION... -- ARGUMENTS: vm-load, so.
load()
{
	local name=$1 options=()
	shift
	while [ "$1" != -- ]; do
		options+=("$1")
		shift
	done
	shift
	run_in "$name" "${options[@]+"${options[@]}"}" -- "$bin/vm-load" "$@"
}

# count NAME LABEL: what vm-load printed of a counter of the segment.
count()
{
	sed -n "s/^counter: $2: //p" "$dir/$1.log"
}

# ms: milliseconds, for what took how long.
ms()
{
	date +%s%3N
}

# stop_vined ends it in order.
stop_vined()
{
	kill "$vined"
	wait "$vined" || fail "vined ended with $?"
	vined=""
}

# Devices, as options of vm.sh. doorbell: of vined's socket. above: places the
# memory of a device with bus=rp0 above 4 GiB.
doorbell=(-q -chardev -q "socket,path=$dir/sock,id=vine"
	-q -device -q "ivshmem-doorbell,chardev=vine,vectors=1,bus=rp0")
above=(-q -device -q pcie-root-port,id=rp0,pref64-reserve=8G)
below=(-q -device -q pcie-root-port,id=rp0)
# serial: a port whose other end is vined's bell_socket.
serial=(-m virtio_pci -m virtio_console -q -device -q virtio-serial-pci
	-q -chardev -q "socket,path=$dir/bell.sock,id=bell,reconnect=1"
	-q -device -q virtserialport,chardev=bell,name=vine)
# shellcheck disable=SC2034
readonly doorbell above below serial

# conf LINES: the config of the guest's programs, as an option of vm.sh.
conf()
{
	printf '%s\ntrace 0\nattach_timeout 60s\n' "$1" >"$dir/guest.conf"
}
