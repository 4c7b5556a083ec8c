-- leaving, depart, replace: what a store does to be moved out of, and one thing to be moved into.
--
-- leaving ARGV   1 person  2 behind this place in their queue, or ''  3 most sends  4 ms before a lease that ran out is
--                taken away (0: at once)  5 lease  6 pace  7 how long a mail has an age  8 how long to keep what is final  9 most attempts
--         Reply  {place to go on from, or '', {send, arrival…} that wait, {what is gone…}}
--         Rule   Claims whose lease has run out are taken back, as by tick.
-- depart  ARGV   1 send  2 reason  3 how long to keep what is final  4 pace
--         Reply  'done', 'begun' (too late), 'unknown', or the letter of the final state
--         Rule   Cancels, with a mark by which adopt knows that it may come back. Asked again it is done again.
-- replace KEYS   1 a hash, not a partition
--         ARGV   1 field  2 what it holds, '' if it is not there  3 what it shall hold
--         Reply  1 if it holds that now, 0 if it held something else

redis.register_function {
    function_name = '@_leaving',
    callback = function(keys, args)
        enter(keys)
        local queue, most = queue_of(args[1]), tonumber(args[3])
        local rules = {
            delay = tonumber(args[4]), lease = tonumber(args[5]), pace = pace_of(args[6]), grace = tonumber(args[7]),
            keep = args[8], attempts = tonumber(args[9]),
        }
        local from = args[2] == '' and '-' or '(' .. args[2]
        local members = redis.call('ZRANGEBYLEX', queue, from, '+', 'LIMIT', 0, most)
        local waiting = {}
        for _, member in ipairs(members) do
            local send = load(member:sub(-16))
            if send and send.state == 'c' and send.lease <= now and rules.delay == 0 then expire(send, rules, {}) end
            if send and send.state == 'w' then
                waiting[#waiting + 1] = send.id
                waiting[#waiting + 1] = send.arrival
            end
        end
        return { #members == most and members[most] or '', waiting, gone }
    end,
    flags = { 'allow-oom' },
}

redis.register_function {
    function_name = '@_depart',
    callback = function(keys, args)
        enter(keys)
        local send = load(args[1])
        if not send then return 'unknown' end
        if send.state ~= 'w' and send.state ~= 'c' then
            return redis.call('HGET', tag .. ':s:' .. send.id, 'dp') == '1' and 'done' or send.state
        end
        if not call_off(send, args[2], args[3], pace_of(args[4])) then return 'begun' end
        save(send, 'dp', '1')
        untell_end(send)
        return 'done'
    end,
    flags = { 'allow-oom' },
}

redis.register_function {
    function_name = '@_replace',
    callback = function(keys, args)
        if (redis.call('HGET', keys[1], args[1]) or '') ~= args[2] then return 0 end
        redis.call('HSET', keys[1], args[1], args[3])
        return 1
    end,
    flags = { 'allow-oom' },
}
