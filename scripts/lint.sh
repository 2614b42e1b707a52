#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# lint.sh checks what compilers do not: layers, prefixes, who may touch the
# segment, both ends of every ordering edge, one task's road, and the form of
# files. Prints `FILE:LINE: fault`; fails if there is any. Warnings do not fail.
set -euo pipefail
cd "$(dirname "$0")/.."
export LC_ALL=C

faults=$(mktemp)
trap 'rm -f "$faults"' EXIT
mapfile -t sources < <(find src -name '*.[ch]' | sort)
mapfile -t texts < <(find include src tests examples scripts cmake man docs \
	3rdparty ./*.md CMakeLists.txt -type f 2>/dev/null |
	grep -E '\.([ch1-8]|def|in|map|cmake|sh|md|pml)$|CMakeLists' | sort)

# fault collects lines of stdin, each of which fails the run.
fault()
{
	cat >>"$faults"
}

# Layers: an include names a file from src/ and points leftward.
awk '
BEGIN {
	n = split("utils arch core rt services appliance", order, " ")
	for (i = 1; i <= n; i++)
		rank[order[i]] = i
	rank["tools"] = n
}
FNR == 1 { split(FILENAME, me, "/") }
/^#include [<"]vine/ && rank[me[2]] < rank["core"] {
	printf "%s:%d: %s: %s is below the public headers\n", FILENAME, FNR,
		$2, me[2]
}
/^#include "/ {
	path = $2
	gsub(/"/, "", path)
	split(path, it, "/")
	if (!(it[1] in rank))
		why = "not named from src/"
	else if (rank[it[1]] > rank[me[2]])
		why = it[1] " is not below " me[2]
	else if (rank[it[1]] == rank[me[2]] && it[1] != me[2])
		why = it[1] " and " me[2] " do not know each other"
	else if (it[1] == "services" && it[3] != "" && it[2] != me[3])
		why = "only svc.h is for others"
	else
		next
	printf "%s:%d: %s: %s\n", FILENAME, FNR, path, why
}' "${sources[@]}" | fault

# Prefixes: a function that is not static begins with its layer. Its name stands
# at the start of a line, the type on the line before.
awk '
FNR == 1 {
	split(FILENAME, me, "/")
	prefix = me[2] == "core" ? "vine_" : me[2] == "appliance" ? \
		"(vined_|svc_|main$)" : me[2] == "services" ? \
		"svc_" me[3] "_" : me[2] == "tools" ? "" : me[2] "_"
	type = ""
}
/^[a-z_][A-Za-z0-9_]*\(/ && type != "" {
	name = $0
	sub(/\(.*/, "", name)
	if (prefix != "" && name !~ "^" prefix &&
	    (FILENAME ~ /\.h$/ || type !~ /static/))
		printf "%s:%d: function %s does not begin with %s\n",
			FILENAME, FNR, name, prefix
}
{ type = /^[a-z][A-Za-z0-9_ ]*[A-Za-z0-9_*]$/ ? $0 : "" }' \
	"${sources[@]}" | fault

# only WHAT PATTERN: only the files of scripts/lint-allow/WHAT.txt match.
only()
{
	grep -lE "$2" "${sources[@]}" |
		grep -vxFf <(sed -n 's/^\(src[^[:space:]]*\).*/\1/p' \
			"scripts/lint-allow/$1.txt") |
		while read -r file; do
			echo "$file:$(grep -nEm 1 "$2" "$file" | cut -d: -f1):" \
				"not in scripts/lint-allow/$1.txt"
		done | fault || true
}
only layout '#include "core/vine_layout.h"|\<vine_[a-z_]+_shm\>'
atomics=$(sed -n 's/^\(arch_[a-z0-9_]*\)(.*/\1/p' src/arch/arch_atomic.h |
	grep -vx arch_pause | paste -sd'|')
only atomic "\\<($atomics)\\("
sed -n 's/^\(src[^[:space:]]*\).*/\1/p' scripts/lint-allow/*.txt | sort -u |
	while read -r file; do
		[ -e "$file" ] || echo "scripts/lint-allow: $file is gone"
	done | fault

# Edges: a comment line that begins with NAME-R1 stands at a release, one with
# NAME-A1 at its acquire. Each needs the other, and docs/memory-ordering.md
# names both where it exists.
awk '
match($0, /^[ \t]*(\/\*|\*|\/\/)[ \t]*[A-Z]+-[RA][0-9]+/) {
	name = substr($0, RSTART, RLENGTH)
	sub(/^[^A-Z]*/, "", name)
	at[name] = FILENAME ":" FNR
}
END {
	for (name in at) {
		other = name
		if (!sub(/-R/, "-A", other))
			sub(/-A/, "-R", other)
		if (!(other in at))
			printf "%s: %s has no %s\n", at[name], name, other
		print name >"/dev/stderr"
	}
}' "${sources[@]}" 2>"$faults.edges" | fault
if [ -e docs/memory-ordering.md ]; then
	while read -r edge; do
		grep -q "\\<$edge\\>" docs/memory-ordering.md ||
			echo "docs/memory-ordering.md: $edge is missing"
	done <"$faults.edges" | fault
	grep -oE '\<[A-Z]+-[RA][0-9]+\>' docs/memory-ordering.md | sort -u |
		grep -vxFf "$faults.edges" |
		sed 's/^/docs\/memory-ordering.md: not in src: /' | fault || true
fi
rm -f "$faults.edges"

# The road of one task: a comment says `task-path NUMBER STOP` wherever the road
# passes; docs/task-path.md has a heading or a row for each of the nine stops
# and names every file that has one.
stops="1 issue|2 publish|3 ring|4 take|5 admit|6 dispatch|7 execute|8 complete|9 reap"
while read -r n stop; do
	here=$(grep -lwE "task-path $n $stop" "${sources[@]}" || true)
	[ -n "$here" ] || echo "src: no comment says \"task-path $n $stop\""
	[ -e docs/task-path.md ] || continue
	grep -qiwE "^(#+|\\|) *${n}[^0-9a-z]+$stop" docs/task-path.md ||
		echo "docs/task-path.md: no heading or row \"$n $stop\""
	for file in $here; do
		grep -qF "${file#src/}" docs/task-path.md ||
			echo "docs/task-path.md: stop $n $stop in ${file#src/}" \
				"is not named"
	done
done < <(tr '|' '\n' <<<"$stops") | fault
grep -n task-path "${sources[@]}" | grep -vwE "task-path ($stops)" |
	sed 's/\(:[0-9]*:\).*/\1 expected task-path NUMBER STOP/' | fault || true

# Form.
for file in "${sources[@]}" $(find include tests examples -name '*.[ch]'); do
	[ "$(head -n 1 "$file")" = "/* SPDX-License-Identifier: Apache-2.0 */" ] ||
		echo "$file:1: no SPDX line"
done | fault
grep -nE '[ 	]+$' "${texts[@]}" | sed 's/\(:[0-9]*:\).*/\1 white space at the end/' |
	fault || true
grep -nE '\<(TODO|FIXME|XXX)\>' "${texts[@]}" | grep -vE '#[0-9]+' |
	grep -v '^scripts/lint.sh' |
	sed 's/\(:[0-9]*:\).*/\1 a note without the number of an issue/' |
	fault || true

# Public headers stand alone, in C and in C++.
for header in include/*.h include/vine/*.h; do
	gcc -std=c11 -Wall -Wextra -Werror -Iinclude -fsyntax-only \
		-include "$header" -x c /dev/null 2>&1 | fault || true
	if command -v clang >/dev/null; then
		clang -x c++ -std=c++11 -Wall -Wextra -Werror -Iinclude \
			-fsyntax-only -include "$header" /dev/null 2>&1 |
			fault || true
	fi
done

# Man pages.
if command -v mandoc >/dev/null; then
	for page in man/*.[1-8]; do
		[ ! -e "$page" ] || mandoc -T lint -W warning "$page"
	done | fault || true
fi

# Long functions and lines are a question, not a fault.
awk '
FNR == 1 { start = 0 }
/^[a-z_][A-Za-z0-9_]*\(/ { name = $0; sub(/\(.*/, "", name) }
/^\{/ { start = FNR }
/^\}/ && start {
	if (FNR - start - 1 > 80)
		printf "%s:%d: warning: %s has %d lines\n", FILENAME, start,
			name, FNR - start - 1
	start = 0
}' "${sources[@]}"
for file in "${sources[@]}"; do
	expand "$file" | awk -v f="$file" 'length > 80 { n++; last = NR }
		END { if (n) printf "%s:%d: warning: %d lines over 80 columns\n",
			f, last, n }'
done

if [ -s "$faults" ]; then
	cat "$faults"
	echo "lint: $(wc -l <"$faults") faults"
	exit 1
fi
echo "lint: no fault in ${#sources[@]} sources"
