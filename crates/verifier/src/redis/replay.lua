-- How far a proof may be made ahead of the server's clock, in seconds.
local MAX_AHEAD = 5

-- Sets the marker if it is another server's or none; else raises `since`, should this verifier know better.
--
-- What was accepted here counts only if the marker is lost: else its entries are still there.
local function announce(key, server, here, elsewhere)
    local marker = redis.call('HMGET', key, 'server', 'since', 'latest')
    if marker[1] == server then
        if elsewhere >= tonumber(marker[2]) then
            redis.call('HSET', key, 'since', elsewhere + 1)
        end
        return
    end
    local time = tonumber(redis.call('TIME')[1])
    -- The times of data that was restored count as well.
    local since = math.max(time + MAX_AHEAD, here, elsewhere, tonumber(marker[2] or '0')) + 1
    local latest = math.max(time, tonumber(marker[3] or '0'))
    redis.call('HSET', key, 'server', server, 'since', since, 'latest', latest)
end

-- Sets an entry if there is none and nothing can have been forgotten; the answer is a word and how long to wait.
--
-- An entry stays for two minutes after the verifier that sets it would take its proof: one of them is for verifiers that
-- allow for more skew than it does, of which there is at most a minute, and one for a clock that is set forth and back.
-- A proof that has expired only because the clock was set back comes with by how many seconds. The comparisons are written
-- so that what is no number is refused.
local function mark(key, entry, server, created, expires)
    local marker = redis.call('HMGET', key, 'server', 'since', 'latest')
    if marker[1] ~= server then
        return {'unknown', 0}
    end
    local time, since, latest = tonumber(redis.call('TIME')[1]), tonumber(marker[2]), tonumber(marker[3])
    if time > latest then
        redis.call('HSET', key, 'latest', time)
        latest = time
    end
    if not (created <= time + MAX_AHEAD) then
        return {'ahead', 0}
    end
    if not (created >= since) then
        if time < since then
            return {'pause', since - time}
        end
        return {'before', 0}
    end
    if not (expires > latest) then
        return {'expired', expires > time and latest - time or 0}
    end
    if redis.call('SET', entry, '', 'NX', 'EXAT', expires + 60 + 60) then
        return {'accepted', 0}
    end
    return {'replayed', 0}
end
