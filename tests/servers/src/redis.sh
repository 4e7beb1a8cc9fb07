# One Redis in a temporary folder, for whoever holds the other end of stdin: a line there is an order, its end is the end
# of everything. So nothing stays behind, whatever happens to the test that started this.
#
# The arguments are lines for redis.conf.
set -eu
# No signal may end this before it is done; an answer that nobody reads any more is one, too.
trap '' HUP INT PIPE TERM

folder=$(mktemp -d /tmp/doorkey-redis.XXXXXX)
server=
finish() {
    status=$?
    if [ "$status" != 0 ]; then cat "$folder/log" >&2; fi
    if [ -n "$server" ]; then kill -KILL "$server" 2>/dev/null || true; fi
    cd /
    rm -rf "$folder"
}
trap finish EXIT
cd "$folder"

command -v redis-server >/dev/null || {
    echo 'Redis is missing; on a Debian-like system: sudo apt-get install -y redis-server' >log
    exit 1
}

ask() {
    redis-cli -s "$folder/socket" "$@" 2>>log
}

start() {
    redis-server redis.conf >>log 2>&1 </dev/null &
    server=$!
    # It says yes as soon as it has read its data.
    until [ "$(ask ping)" = PONG ]; do kill -0 "$server"; done
}

# SIGKILL: nothing more is written.
stop() {
    kill -KILL "$server"
    wait "$server" 2>>log || true
    server=
    rm -f socket
}

printf '%s\n' 'port 0' "unixsocket $folder/socket" 'unixsocketperm 700' "dir $folder" 'save ""' 'databases 1' \
    "$@" >redis.conf
start
echo "$folder" 2>/dev/null || exit 0

while read -r order; do
    case $order in
    start) start ;;
    stop) stop ;;
    empty) rm -f dump.rdb ;;
    save) [ "$(ask save)" = OK ] ;;
    flush) [ "$(ask flushall)" = OK ] ;;
    freeze) kill -STOP "$server" ;;
    thaw) kill -CONT "$server" ;;
    esac
    echo "$order: done" 2>/dev/null || exit 0
done
