# One front server in a folder of its own, for whoever holds the other end of stdin: its end is the end of everything. So
# nothing stays behind, whatever happens to the test that started this.
#
# $1 is the folder, which is removed; the rest is the command that starts the server and returns once it listens. The
# server writes its process id to the file pid in there.
set -eu
# No signal may end this before it is done; an answer that nobody reads any more is one, too.
trap '' HUP INT PIPE TERM
folder=$1
shift
finish() {
    status=$?
    if [ "$status" != 0 ]; then cat "$folder/log" >&2; fi
    if [ -s "$folder/pid" ]; then kill -TERM "$(cat "$folder/pid")" 2>/dev/null || true; fi
    cd /
    rm -rf "$folder"
}
trap finish EXIT
cd "$folder"
"$@" >log 2>&1 </dev/null
echo started 2>/dev/null || exit 0
while read -r _; do :; done
