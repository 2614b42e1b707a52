#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# run.sh MODEL [MACROS]: spin searches MODEL.pml and its broken twins, as the
# rows of models.def say, or that with MACROS alone, which must be ok. A row
# holds only if the search was complete: no error and nothing cut off for "ok",
# else the very error that is named. Prints a line for each row with the number
# of states; fails if any row does not hold.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
model=$1
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
table=$here/models.def
if [ $# = 2 ]; then
	table=row
	echo "$model $2 ok" >row
fi

# search MACROS EXPECTED prints what the verifier says, or fails if there is
# none.
search()
{
	local flags=() macro optimise=-O0

	# most twins fail sooner than they are optimised
	[ "$2" = ok ] && optimise=-O1
	if [ "$1" != - ]; then
		for macro in ${1//,/ }; do
			grep -qw "${macro%%=*}" "$here/$model.pml" || {
				echo "$model.pml knows no macro $macro"
				return 1
			}
			flags+=("-D$macro")
		done
	fi
	rm -f pan*
	spin "${flags[@]}" -a "$here/$model.pml" || return 1
	# no deeper than -m; that it was enough is checked below
	gcc $optimise -w -DSAFETY -DCOLLAPSE -DNOFAIR -DMEMLIM=1500 \
		-o pan pan.c || return 1
	./pan -m1000000 -w22 | tr -s ' '
}

# holds EXPECTED judges what the verifier printed.
holds()
{
	if grep -qE 'max search depth|Search not completed|out of memory' out &&
	   [ "$1" = ok ]; then
		return 1
	fi
	if [ "$1" = ok ]; then
		grep -q 'Full statespace search' out &&
			grep -q 'errors: 0$' out
	else
		grep -qF "pan:1: $1" out && grep -q 'errors: 1$' out
	fi
}

rows=0
status=0
while read -r of macros expected; do
	[ "$of" = "$model" ] || continue
	rows=$((rows + 1))
	if search "$macros" "$expected" >out 2>&1 && holds "$expected"; then
		printf '%-6s %-28s %10s states  %s\n' "$model" "$macros" \
			"$(awk '/states, stored/ { print $1 }' out)" "$expected"
	else
		echo "$model $macros: expected: $expected; spin said:"
		cat out
		status=1
	fi
done <"$table"
if [ "$rows" = 0 ]; then
	echo "models.def has no row for $model"
	status=1
fi
exit $status
