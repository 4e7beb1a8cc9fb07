-- Reads what a server's INFO says: a run of its process and a replication history, of which neither a restart nor a
-- failover leaves both as they were; or why the server is not to be used, after two times nil.
local function examine(server, replication, memory)
    -- To look for plain text takes half the time of a pattern.
    local function read(info, name)
        local _, colon = string.find(info, '\n' .. name .. ':', 1, true)
        return colon and string.match(info, '^[^\r\n]+', colon + 1)
    end
    -- Valkey may call it by the other name.
    if (read(server, 'redis_mode') or read(server, 'server_mode') or 'standalone') ~= 'standalone' then
        return nil, nil, 'it is part of a cluster'
    end
    if read(replication, 'role') ~= 'master' then
        return nil, nil, 'it is a replica'
    end
    if read(memory, 'maxmemory') ~= '0' and read(memory, 'maxmemory_policy') ~= 'noeviction' then
        return nil, nil, 'its maxmemory-policy is not noeviction'
    end
    local run, history = read(server, 'run_id'), read(replication, 'master_replid')
    if not run or not history then
        return nil, nil, 'it does not say which run it is'
    end
    return run, history
end
