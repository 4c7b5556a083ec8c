-- What is told, and the outbox.
--
-- An event is written into its partition's outbox `:e` by the very step that it tells of; a gateway then copies it to the
-- stream `vigie:events`, which lies elsewhere in a cluster, and takes it out of the outbox. The end of a send stands there under
-- the send and the letter of its state, as `S<now> <attempts> <flow> 0 <reference> 0 <detail>`; the gateway that called
-- hears of it (what is gone) and copies it. Any other event stands there under its id, as `J<now> <type> <brand> <JSON>`.
-- What nobody copied in time is copied by whoever owns the partition.
--
-- outbox ARGV   1 most  2 ends of sends that were written by then  3 others that were written by then
--        Reply  {name, what…}
-- tell   KEYS   1 the stream, not a partition
--        ARGV   1 how many to keep, about; 0: all  2… the fields of one entry
--        Reply  {entry id}
--        Rule   As XADD, which is refused where memory is short.
-- told   KEYS   1 the stream
--        ARGV   1 after this entry id  2 most
--        Reply  {the oldest entry id or '', the last ever given, 1 if some were let go, {entry id, {field, value…}}…}

local function told_of_end(send, detail)
    redis.call('HSET', tag .. ':e', send.id .. send.state,
        'S' .. now .. ' ' .. send.attempts .. ' ' .. send.flow .. '\0' .. send.reference .. '\0' .. detail)
end

-- It has not ended after all.
local function untell_end(send)
    redis.call('HDEL', tag .. ':e', send.id .. send.state)
end

-- Tells any other event with the step at hand. `id` is text that is the same if the step is repeated, and no other event's;
-- `json` an object without anything that says who the person is. The gateway that called should look into the outbox
-- (Inner::outbox_has) when it hears the answer; else it is told some seconds later.
local function announce(id, type, brand, json)
    redis.call('HSET', tag .. ':e', id, 'J' .. now .. ' ' .. type .. ' ' .. brand .. ' ' .. json)
end

redis.register_function {
    function_name = '@_outbox',
    callback = function(keys, args)
        tag = keys[1]
        local by = { S = tonumber(args[2]), J = tonumber(args[3]) }
        local all, found = redis.call('HRANDFIELD', tag .. ':e', args[1], 'WITHVALUES'), {}
        for i = 1, #all, 2 do
            local what = all[i + 1]
            local written = tonumber(what:match('^.(%d+) '))
            if written and written <= (by[what:sub(1, 1)] or 0) then
                found[#found + 1], found[#found + 2] = all[i], what
            end
        end
        return found
    end,
    flags = { 'no-writes' },
}

redis.register_function {
    function_name = '@_tell',
    callback = function(keys, args)
        if args[1] == '0' then return { redis.call('XADD', keys[1], '*', unpack(args, 2)) } end
        return { redis.call('XADD', keys[1], 'MAXLEN', '~', args[1], '*', unpack(args, 2)) }
    end,
    flags = { 'allow-oom' },
}

redis.register_function {
    function_name = '@_told',
    callback = function(keys, args)
        if redis.call('EXISTS', keys[1]) == 0 then return { '', '0-0', 0 } end
        local known, info = redis.call('XINFO', 'STREAM', keys[1]), {}
        for i = 1, #known, 2 do info[known[i]] = known[i + 1] end
        local oldest = info['first-entry'] and info['first-entry'][1] or ''
        local gone = info['entries-added'] > info['length'] and 1 or 0
        local some = args[2] == '0' and {} or redis.call('XRANGE', keys[1], '(' .. args[1], '+', 'COUNT', args[2])
        return { oldest, info['last-generated-id'], gone, unpack(some) }
    end,
    flags = { 'no-writes' },
}
