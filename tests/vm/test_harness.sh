#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# The harness itself: each way in which a program in a virtual machine can end
# has a status and words of its own.
# ctest: timeout=900 label=vm
set -u

vm=${VINE_SRC_DIR:?}/tests/vm/vm.sh
try=${VINE_BIN_DIR:?}/vm-try
dir=$(mktemp -d) || exit 1
trap 'rm -rf "$dir"' EXIT
failed=0

# expect STATUS WORDS OPTION... -- HOW
expect()
{
	local status=$1 words=$2 rc
	shift 2
	bash "$vm" -e VM_TRY=yes "$@" >"$dir/log" 2>&1
	rc=$?
	if [ $rc = 77 ]; then
		grep '^skipped:' "$dir/log"
		exit 77
	fi
	if [ $rc != "$status" ] || ! grep -qF -e "$words" "$dir/log"; then
		echo "FAILED: status $rc, expected $status and \"$words\":"
		cat "$dir/log"
		failed=1
	fi
	echo "$* ends with $rc, $words"
}

expect 0 "vm-try: 0, yes" "$try" 0
expect 42 "the program exited with 42" "$try" 42
expect 134 "signal 6 ended the program" "$try" abort
expect 124 "the time of 10 s was up" -t 10 "$try" hang
expect 125 "the kernel panicked" "$try" panic
echo "no program" >"$dir/text"
expect 126 "cannot run" "$dir/text"
expect 126 "QEMU ended with 1" -q -device -q no-such-device "$try" 0
expect 0 "vm-try: 0" -c 2 -m virtio_console -m virtio_pci "$try" 0

# a machine without QEMU, and one without a kernel
mkdir -p "$dir/bin" "$dir/src"
for tool in bash dirname mktemp rm; do
	ln -s "$(command -v $tool)" "$dir/bin/$tool"
done
PATH=$dir/bin bash "$vm" "$try" 0 >"$dir/log" 2>&1
if [ $? != 77 ] || ! grep -q '^skipped: there is no qemu' "$dir/log"; then
	echo "FAILED: without qemu:"
	cat "$dir/log"
	failed=1
fi
VINE_SRC_DIR=$dir/src bash "$vm" "$try" 0 >"$dir/log" 2>&1
if [ $? != 77 ] || ! grep -q '^skipped: there is no kernel' "$dir/log"; then
	echo "FAILED: without a kernel:"
	cat "$dir/log"
	failed=1
fi
exit $failed
