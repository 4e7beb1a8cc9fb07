//! What runs inside of Redis, all of it or nothing.

use std::sync::LazyLock;

use redis::Script;

/// Sets the marker if it is another server's or none; else raises `since`, should this verifier know better.
///
/// What was accepted here counts only if the marker is lost: else its entries are still there.
pub(super) static ANNOUNCE: LazyLock<Script> = LazyLock::new(|| {
    Script::new(
        "
local server, here, elsewhere, ahead = ARGV[1], tonumber(ARGV[2]), tonumber(ARGV[3]), tonumber(ARGV[4])
local marker = redis.call('HMGET', KEYS[1], 'server', 'since', 'latest')
if marker[1] == server then
    if elsewhere >= tonumber(marker[2]) then
        redis.call('HSET', KEYS[1], 'since', elsewhere + 1)
    end
    return
end
local time = tonumber(redis.call('TIME')[1])
-- The times of data that was restored count as well.
local since = math.max(time + ahead, here, elsewhere, tonumber(marker[2] or '0')) + 1
local latest = math.max(time, tonumber(marker[3] or '0'))
redis.call('HSET', KEYS[1], 'server', server, 'since', since, 'latest', latest)
",
    )
});

/// Sets an entry if there is none and nothing can have been forgotten; the answer is a word and how long to wait.
///
/// An entry stays for two minutes after the verifier that sets it would take its proof: one of them is for verifiers that
/// allow for more skew than it does, of which there is at most a minute, and one for a clock that is set forth and back.
/// A proof that has expired only because the clock was set back comes with by how many seconds.
pub(super) static MARK: LazyLock<Script> = LazyLock::new(|| {
    Script::new(
        "
local created, expires, ahead = tonumber(ARGV[3]), tonumber(ARGV[4]), tonumber(ARGV[5])
local marker = redis.call('HMGET', KEYS[1], 'server', 'since', 'latest')
local replication = string.match(redis.call('INFO', 'replication'), 'master_replid:(%w+)')
if marker[1] ~= ARGV[1] or replication ~= ARGV[2] then
    return {'unknown', 0}
end
local time, since, latest = tonumber(redis.call('TIME')[1]), tonumber(marker[2]), tonumber(marker[3])
if time > latest then
    redis.call('HSET', KEYS[1], 'latest', time)
    latest = time
end
if created > time + ahead then
    return {'ahead', 0}
end
if created < since then
    if time < since then
        return {'pause', since - time}
    end
    return {'before', 0}
end
if expires <= latest then
    return {'expired', expires > time and latest - time or 0}
end
if redis.call('SET', KEYS[2], '', 'NX', 'EXAT', expires + 60 + 60) then
    return {'accepted', 0}
end
return {'replayed', 0}
",
    )
});
