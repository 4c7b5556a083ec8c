-- finish: records how a claim ended. A lease that has run out but was not yet taken away still counts.
--
-- ARGV   1 send  2 claim  3 mark of this finish (not '0')  4 how: a accepted, d deferred, q overdue and in turn,
--        r rejected, l released, u uncertain  5 reason or reply  6 deferred until, or its turn  7 '1' if it counts as an attempt
--        8 pace  9 how long a mail has an age  10 lease  11 how long to keep what is final
--        12 most attempts  13 whose mailbox it is in, or ''
-- Reply  {1 done or 0 stale, alarm, what is gone…} (six elements each, see `finalise`)
-- Rule   The same finish again is done, and tells again what is gone, since the first answer may have been lost; another
--        one is stale.

local ways = {
    a = function(send, args, rules)
        recent(send, rules.grace, rules.provider)
        written_to(send, rules.pace)
        finalise(send, 's', args[5], rules.keep, rules.pace)
    end,
    d = function(send, args, rules)
        if args[7] == '1' and not count_attempt(send, rules.attempts) then
            ageless(send)
            return finalise(send, 'f', args[5], rules.keep, rules.pace)
        end
        send.due = tonumber(args[6])
        note(send, 'deferred', args[5])
        come_back(send, rules.keep, rules.pace)
        -- Its moment came while this was on its way: time looks at it at once, as it would have then.
        if send.state == 'w' and send.stand == 'R' then set_timer(send, now) end
    end,
    q = function(send, args, rules)
        note(send, 'deferred', args[5])
        come_back(send, rules.keep, rules.pace)
        if send.state == 'w' and send.stand == 'O' then set_timer(send, tonumber(args[6])) end
    end,
    r = function(send, args, rules)
        ageless(send)
        finalise(send, 'f', args[5], rules.keep, rules.pace)
    end,
    l = function(send, args, rules)
        note(send, 'released', args[5])
        come_back(send, rules.keep, rules.pace)
    end,
    u = function(send, args, rules)
        doubt(send, args[5], rules)
    end,
}

redis.register_function {
    function_name = '@_finish',
    callback = function(keys, args)
        enter(keys)
        local send = load(args[1])
        if not send or send.claim ~= args[2] then return { 0, 0 } end
        if send.ended then
            if send.ended ~= args[3] then return { 0, 0 } end
            tell_gone(send)
            return { 1, 0, unpack(gone) }
        end
        local rules = {
            pace = pace_of(args[8]), grace = tonumber(args[9]), lease = tonumber(args[10]), keep = args[11],
            attempts = tonumber(args[12]), provider = args[13],
        }
        unclaim(send, args[3])
        ways[args[4]](send, args, rules)
        return { 1, alarm(), unpack(gone) }
    end,
    flags = { 'allow-oom' },
}
