#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# completion.sh: what bash completes for vinectl and vine-inspect is what these
# take: each option and command is in their help, and each of theirs completed.
set -u
bin=${VINE_BIN_DIR:?}
PATH=$bin:$PATH
failed=0

# completes TOOL WORD... prints what is offered for the last word, in one line.
completes()
{
	local function
	COMP_WORDS=("$@")
	COMP_CWORD=$(($# - 1))
	COMPREPLY=()
	function=$(complete -p "$1" | sed 's/.*-F \([^ ]*\) .*/\1/')
	"$function"
	echo "${COMPREPLY[*]}"
}

# same WHAT A B fails unless both are the same words.
same()
{
	local a b
	# shellcheck disable=SC2086 # lists of words
	a=$(printf '%s\n' $2 | sort -u)
	# shellcheck disable=SC2086
	b=$(printf '%s\n' $3 | sort -u)
	if [ "$a" != "$b" ]; then
		echo "$1: completed \"$2\", expected \"$3\""
		failed=1
	fi
}

# options TOOL prints the long options in its help.
options()
{
	"$1" --help | grep -oE '(^|[ [])--[a-z]+' | tr -d ' [' | sort -u
}

for tool in vinectl vine-inspect; do
	# shellcheck disable=SC1090 # one of the two
	. "${VINE_SRC_DIR:?}/src/tools/$tool.bash"
	same "$tool --" "$(completes $tool --)" "$(options $tool)"
done
same "commands" "$(completes vinectl '')" \
	"$(vinectl --help | sed -n 's/^  \([a-z]\{1,\}\) .*/\1/p')"
same "a quota's keys" "$(completes vinectl quota vine '')" \
	"$(vined --help-config | grep -oE '^(quota|segment)_[a-z]+' |
		grep -vx segment_weight)"
same "quota" "$(completes vinectl quot)" quota
sections=$(completes vine-inspect -s '')
for section in $sections; do
	# an unknown one would be wrong usage, 2
	vine-inspect -s "$section" /no/such >/dev/null 2>&1
	same "section $section" $? 1
done
same "sections" "$sections" "$(vine-inspect --help | tr -d '\n' |
	sed 's/.*more than once: *\([a-z, ]*\) *-j.*/\1/; s/,/ /g')"
exit $failed
