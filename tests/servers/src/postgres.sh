# One Postgres in a temporary folder, for whoever holds the other end of stdin: a line there is an order, its end is the
# end of everything. So nothing stays behind, whatever happens to the test that started this.
#
# $1 is the folder of Postgres's programs; the rest are lines for postgresql.conf.
set -eu
# No signal may end this before it is done; an answer that nobody reads any more is one, too.
trap '' HUP INT PIPE TERM
programs=$1
shift

# Short: the path of a socket has 107 bytes at most.
folder=$(mktemp -d /tmp/doorkey-postgres.XXXXXX)
finish() {
    status=$?
    if [ "$status" != 0 ]; then cat "$folder/log" >&2; fi
    "$programs/pg_ctl" stop --pgdata="$folder/data" --mode=immediate --silent >/dev/null 2>&1 || true
    cd /
    rm -rf "$folder"
}
trap finish EXIT
cd "$folder"

start() {
    "$programs/pg_ctl" start --pgdata=data --log=log --wait --silent >/dev/null
}

# Who reaches the folder is trusted; over TCP, where a test asks for it, a password counts.
echo hunter2 >password
"$programs/initdb" --pgdata=data --username=postgres --auth-local=trust --auth-host=scram-sha-256 --pwfile=password \
    --encoding=UTF8 --no-locale --no-sync >log 2>&1
printf '%s\n' "listen_addresses = ''" "unix_socket_directories = '$folder'" "$@" >>data/postgresql.conf
case $* in
*'ssl = on'*)
    openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 1 -subj /CN=localhost \
        -addext subjectAltName=DNS:localhost -addext basicConstraints=critical,CA:FALSE \
        -keyout data/server.key -out data/server.crt 2>>log
    ;;
esac
start
echo "$folder" 2>/dev/null || exit 0

while read -r order; do
    case $order in
    start) start ;;
    stop) "$programs/pg_ctl" stop --pgdata=data --mode=fast --wait --silent >/dev/null ;;
    esac
    echo "$order: done" 2>/dev/null || exit 0
done
