-- look, person, count: what is shown of a send, of a person, of a partition. They change nothing.
--
-- look   ARGV   1 send
--        Reply  {{field, value…}, payload or '', {line of history…}}; the first is empty if the send is not known
-- person ARGV   1 person  2 most sends
--        Reply  {presence or '', its expiry, last mail or '', {to whom, said…}, {send…}, {kind and percent of hints…},
--               hours or '', their mailbox or '', {scope, suppression…}}
-- count  ARGV   1 the first slice of the presence window  2 the last
--        Reply  {people online, {counter, value…}}

redis.register_function {
    function_name = '@_look',
    callback = function(keys, args)
        tag = keys[1]
        return {
            redis.call('HGETALL', tag .. ':s:' .. args[1]),
            redis.call('GET', tag .. ':b:' .. args[1]) or '',
            redis.call('LRANGE', tag .. ':h:' .. args[1], 0, -1),
        }
    end,
    flags = { 'no-writes' },
}

redis.register_function {
    function_name = '@_person',
    callback = function(keys, args)
        enter(keys)
        local sends, hints = {}, {}
        for _, member in ipairs(redis.call('ZRANGE', queue_of(args[1]), 0, args[2] - 1)) do
            sends[#sends + 1] = member:sub(-16)
        end
        for kind, percent, till in (redis.call('GET', tag .. ':w:' .. args[1]) or ''):gmatch('(%d+) (%d+) (%d+)') do
            if tonumber(till) > now then hints[#hints + 1] = kind .. ' ' .. percent end
        end
        return {
            redis.call('GET', tag .. ':p:' .. args[1]) or '',
            redis.call('PEXPIRETIME', tag .. ':p:' .. args[1]),
            redis.call('GET', tag .. ':l:' .. args[1]) or '',
            redis.call('HGETALL', tag .. ':y:' .. args[1]),
            sends,
            hints,
            redis.call('GET', tag .. ':u:' .. args[1]) or '',
            redis.call('HGET', tag .. ':m', args[1]) or '',
            redis.call('HGETALL', tag .. ':z:' .. args[1]),
        }
    end,
    flags = { 'no-writes' },
}

redis.register_function {
    function_name = '@_count',
    callback = function(keys, args)
        tag = keys[1]
        local slices, online = {}, 0
        for slice = tonumber(args[1]), tonumber(args[2]) do
            slices[#slices + 1] = tag .. ':n:' .. slice
        end
        for _, present in ipairs(redis.call('MGET', unpack(slices))) do online = online + (present or 0) end
        return { math.max(online, 0), redis.call('HGETALL', tag .. ':c') }
    end,
    flags = { 'no-writes' },
}
