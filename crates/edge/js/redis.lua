
-- KEYS: the marker, the entry. ARGV: the database; the server that the caller takes this one for; when the latest proof was
-- made that it has had accepted here, and elsewhere; when this one was made, and until when it would be taken.
if KEYS[1] ~= 'dk:replay' then
    return {'unfit', 0, 'the client puts a prefix before names'}
end
-- The client may stand in another: one that others use as well, or one that was refused the database of its settings and
-- went on without a word. It does not outlive the script.
redis.call('SELECT', ARGV[1])
local info = function(section) return redis.call('INFO', section) end
local run, history, reason = examine(info('server'), info('replication'), info('memory'))
if reason then
    return {'unfit', 0, reason}
end
local server = run .. ':' .. history
if server ~= ARGV[2] then
    return {'unknown', 0, server}
end
local here, elsewhere = tonumber(ARGV[3]), tonumber(ARGV[4])
if elsewhere > 0 then
    announce(KEYS[1], server, here, elsewhere)
end
local function try()
    return mark(KEYS[1], KEYS[2], server, tonumber(ARGV[5]), tonumber(ARGV[6]))
end
local answer = try()
if answer[1] == 'unknown' then
    announce(KEYS[1], server, here, elsewhere)
    answer = try()
end
return answer
