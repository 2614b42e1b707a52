#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# docs/config.md and vine.conf(5) say of each key what vined --help-config says,
# which is what the table of keys says: its meaning, range and default.
set -u

vined=${VINE_BIN_DIR:?}/vined
docs=${VINE_SRC_DIR:?}/docs/config.md
man=$VINE_SRC_DIR/man/vine.conf.5
dir=$(mktemp -d) || exit 1
trap 'rm -rf "$dir"' EXIT
failed=0

# A line a key: name, range, default (none: empty), meaning.
"$vined" --help-config | awk '
function flush() {
	if (name != "")
		printf "%s\t%s\t%s\t%s\n", name, range, value, text
	text = ""
}
/^\t/ { sub(/^\t/, ""); text = text (text == "" ? "" : " ") $0; next }
{
	flush()
	name = $0
	sub(/: .*/, "", name)
	range = value = $0
	sub(/^[a-z_]+: /, "", range)
	sub(/(; default .*)$/, "", range)
	sub(/ \([^)]*\)$/, "", range)
	if (!sub(/^.*; default /, "", value))
		value = ""
}
END { flush() }' >"$dir/keys"

[ "$(wc -l <"$dir/keys")" -ge 15 ] || {
	echo "vined --help-config prints fewer than 15 keys"
	exit 1
}

# The table of docs/config.md, its rows sorted.
while IFS=$'\t' read -r name range value text; do
	printf '| `%s` | %s | %s | %s |\n' "$name" "${range//|/ or }" \
		"${value:-none}" "$text"
done < <(sed 's/\t\t/\tnone\t/' "$dir/keys") | sort >"$dir/rows"
grep -E '^\| `[a-z_]+` \| (a|text|octal|one|0)' "$docs" | sort >"$dir/in-docs"
diff "$dir/in-docs" "$dir/rows" >"$dir/diff" || {
	echo "docs/config.md (<) differs from vined --help-config (>):"
	cat "$dir/diff"
	failed=1
}

# The list of vine.conf(5): the meaning, then the range and the default.
while IFS=$'\t' read -r name range value text; do
	range=${range//|/, }
	[ "$value" = none ] && value="no default" || value="default $value"
	printf '%s: %s %s; %s.\n' "$name" "$text" "${range^}" "$value"
done < <(sed 's/\t\t/\tnone\t/' "$dir/keys") | sort >"$dir/entries"
awk '
function flush() {
	if (name != "")
		print name ":" text
	name = text = ""
}
/^\.El/ { flush() }
/^\.It Ic / { flush(); name = $3; next }
/^\./ { next }
name != "" { text = text " " $0 }' "$man" | sort >"$dir/in-man"
diff "$dir/in-man" "$dir/entries" >"$dir/diff" || {
	echo "man/vine.conf.5 (<) differs from vined --help-config (>):"
	cat "$dir/diff"
	failed=1
}
exit $failed
