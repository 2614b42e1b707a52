#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# vine-trace over the files of an application and an appliance: what it prints,
# that its JSON is JSON, and how it takes wrong files and wrong usage.
set -u

tool=${VINE_BIN_DIR:?}/vine-trace
dir=$(mktemp -d) || exit 1
trap 'rm -rf "$dir"' EXIT
cd "$dir" || exit 1

failed=0

# check NAME COMMAND... : the command succeeds.
check() {
	local name=$1
	shift
	if ! "$@"; then
		echo "FAILED: $name" >&2
		failed=1
	fi
}

# run EXPECTED_STATUS ARGUMENTS... : out and err hold what it printed.
run() {
	local expected=$1 status
	shift
	"$tool" "$@" >out 2>err
	status=$?
	if [ "$status" -ne "$expected" ]; then
		echo "FAILED: vine-trace $*: status $status, not $expected" >&2
		cat err >&2
		failed=1
	fi
}

six="Timestamp,Core Id,Thread Id,Function Id,Task Duration,Return Value"
head="$six,func_name,task,queue,cookie,pid,lost"

# Two tasks with the same cookie one after the other, and one not yet reaped.
cat >app.csv <<END
$head
1000,0,11,trace_start,0,,"my ""app""",,,,11,
2000,0,11,vine_proc_get,100,0x5,saxpy,,,,,
2500,0,11,vine_proc_get,300,0x0,none,,,,,
3000,0,11,vine_task_issue_opts,400,0,,0x7,,,,
3100,0,11,issue,0,,,,1,2,,
3200,0,11,publish,0,,,,1,2,,
9000,0,11,reap,0,,,,1,2,,
10000,0,11,issue,0,,,,1,2,,
16000,0,12,reap,0,,,,1,2,,
20000,0,11,issue,0,,,,1,3,,
30000,0,11,trace_end,0,,,,,,,0
END
cat >appliance.csv <<END
$head
900,1,21,trace_start,0,,vined,,,,21,
4100,1,21,take,0,,,,1,2,,
5100,1,21,complete,0,,,,1,2,,
12000,1,21,take,0,,,,1,2,,
15000,1,21,complete,0,,,,1,2,,
30000,1,21,trace_end,0,,,,,,,0
END

run 0 summary app.csv appliance.csv
check "nothing on stderr" test ! -s err
check "calls, errors and times" grep -Eq \
	'^vine_proc_get +2 +1 +100 +300 +300 +300 +400$' out
check "largest total first" test \
	"$(sed -n 2,3p out | cut -d' ' -f1 | tr '\n' ' ')" = \
	"vine_proc_get vine_task_issue_opts "
check "tasks are counted" grep -q '^3 tasks$' out
check "stops without publish" grep -Eq \
	'^issue -> take +1 +2000 +2000 +2000 +2000 +2000$' out
check "stops with publish" grep -Eq '^publish -> take +1 +900 ' out
check "take to complete" grep -Eq '^take -> complete +2 .* 3000 +4000$' out
check "whole tasks" grep -Eq '^issue -> reap \(whole\) +2 .* 11900$' out

run 0 chrome -o out.json app.csv appliance.csv
check "nothing on stdout" test ! -s out
if command -v python3 >/dev/null; then
	check "JSON" python3 -m json.tool out.json /dev/null
	check "events" python3 - out.json <<'END'
import json, sys
events = json.load(open(sys.argv[1]))["traceEvents"]
def of(phase):
    return [e for e in events if e["ph"] == phase]
names = {e["pid"]: e["args"]["name"] for e in of("M")
         if e["name"] == "process_name"}
assert names == {11: 'my "app"', 21: "vined"}, names
calls = [e for e in of("X") if e["cat"] == "call"]
assert len(calls) == 3, calls
assert calls[0]["ts"] == 2.0 and calls[0]["dur"] == 0.1, calls[0]
assert calls[0]["args"]["func_name"] == "saxpy", calls[0]
assert len([e for e in of("X") if e["cat"] == "task"]) == 10
# an arrow begins at each issue with an answer, and passes both processes
assert [e["ts"] for e in of("s")] == [3.1, 10.0], of("s")
assert [e["ts"] for e in of("t")] == [4.1, 5.1, 12.0, 15.0], of("t")
assert [e["tid"] for e in of("f")] == [11, 12], of("f")
assert len({e["id"] for e in of("s")}) == 2
for event in of("s"):
    ends = [e for e in of("f") if e["id"] == event["id"]]
    assert len(ends) == 1 and ends[0]["ts"] > event["ts"]
END
else
	check "as many braces closed as opened" test \
		"$(tr -cd '{' <out.json | wc -c)" = \
		"$(tr -cd '}' <out.json | wc -c)"
fi
cp out.json to_file.json
run 0 chrome app.csv appliance.csv
check "stdout and -o are the same" cmp -s out to_file.json

# Names may hold any byte.
printf '%s\n1,0,7,vine_proc_get,1,0x5,"\\ \x01\xff\xc3\xa9,",,,,,\n' "$head" \
	>bytes.csv
run 0 chrome bytes.csv
check "no trace_end is said" grep -q 'bytes.csv: no trace_end' err
if command -v python3 >/dev/null; then
	check "any bytes give JSON" python3 -m json.tool out /dev/null
fi

# Two files of one process do not become one.
run 0 chrome app.csv app.csv
check "a second file gets a number" grep -q '"pid":1000000001,' out

# Wrong rows are skipped and named; the others count.
sed '4s/.*/2500,0,11,vine_proc_get/' app.csv >short.csv
run 1 summary short.csv
check "file, line and expectation" grep -qF \
	'short.csv:4: row: expected 12 columns, found "4"' err
check "skipped rows are counted" grep -qF 'short.csv: 1 rows skipped' err
check "the others are there" grep -Eq '^vine_proc_get +1 +0 ' out
head -c 300 app.csv >cut.csv
run 1 summary cut.csv
check "a cut file is named" grep -q \
	'cut.csv:[0-9]*: row: expected a newline' err
{ echo "$head"; yes 'x' | head -100; } >many.csv
run 1 summary many.csv
check "ten reports a file" test "$(grep -c 'many.csv:[0-9]' err)" = 10
check "the rest as a number" grep -qF 'many.csv: 90 more rows' err
sed 's/,0$/,17/' app.csv >lossy.csv
run 0 summary lossy.csv
check "lost rows are said" grep -q 'lossy.csv: 17 rows were lost' err

# Files that are no traces.
echo hello >hello.csv
run 1 summary hello.csv app.csv
check "a foreign file is refused" grep -qF 'hello.csv:1: first line' err
check "the next file is read" grep -q '^vine_proc_get' out
: >empty.csv
run 1 summary empty.csv
run 1 summary absent.csv
check "an absent file is named" grep -qF 'absent.csv: No such file' err
run 1 summary "$dir"
check "a directory is named" grep -q 'Is a directory' err

# VineTalk's own file.
printf '%s\n\n470,0,7fe873601740,vine_data_alloc,0,0x7fe8726019f0,5,3\n' \
	"$six" >vinetalk.csv
run 0 summary vinetalk.csv
check "VineTalk's rows count" grep -Eq '^vine_data_alloc +1 +0 ' out

# Usage.
run 0 --help
check "help" grep -q '^usage: vine-trace' out
run 0 --version
check "version" grep -Eq '^vine-trace [0-9]+\.[0-9]+\.[0-9]+$' out
run 2
run 2 summary
run 2 chrome
run 2 polish app.csv
run 2 --none
run 2 summary -o x app.csv
run 2 chrome -o app.csv app.csv
check "the input is untouched" grep -q trace_end app.csv
run 1 chrome -o "$dir/no/such" app.csv
if [ -w /dev/full ]; then
	run 1 chrome -o /dev/full app.csv
	check "a full disk is said" grep -q 'No space left' err
fi

exit $failed
