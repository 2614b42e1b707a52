#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# needed.sh LIBRARY: libvine.so needs libc (and the loader) and nothing else.
set -euo pipefail
needed=$(LC_ALL=C readelf -d "$1" |
	sed -n 's/.*(NEEDED).*\[\(.*\)\]$/\1/p')
status=0
for library in $needed; do
	case $library in
	libc.so.6 | ld-linux*.so.*) ;;
	*)
		echo "$1 needs $library, expected libc.so.6 alone"
		status=1
		;;
	esac
done
if ! grep -qx libc.so.6 <<<"$needed"; then
	echo "$1 needs \"$needed\", expected libc.so.6 among it"
	status=1
fi
exit $status
