-- suppress, unsuppress: a person gets no more mail of one brand, or of any.
--
-- suppress   ARGV   1 person  2 '*' or brand  3 why, since when, and words (lua/suppressed.lua)  4 how long to keep what is final  5 pace
--                   6 behind this place in their queue, or ''  7 most sends
--            Reply  {1 if it is new, handed off, too late, place to go on from, or '', alarm, what is gone…}
--            Rule   What is known of the scope stays. Call again from the place until it is ''. What is held comes first in
--                   the queue, so go through it once more if any of several calls handed off something.
-- unsuppress ARGV   1 person  2 '*' or brand
--            Reply  1 if there was something to lift, 0 if not
--
-- Their open cases are handed off, too, with the sends of them.

redis.register_function {
    function_name = '@_suppress',
    callback = function(keys, args)
        enter(keys)
        local who, scope, pace, most = args[1], args[2], pace_of(args[5]), tonumber(args[7])
        local key = tag .. ':z:' .. who
        local known = redis.call('HGET', key, scope)
        local words = WHY[(known or args[3]):sub(1, 1)] or 'suppressed'
        stop_cases(who, scope, words, args[4], pace)
        local from = args[6] == '' and '-' or '(' .. args[6]
        local members = redis.call('ZRANGEBYLEX', queue_of(who), from, '+', 'LIMIT', 0, most)
        if not known then redis.call('HSET', key, scope, args[3]) end
        local handed_off, late = #gone / 6, 0
        for _, member in ipairs(members) do
            local send = at_place(who, member)
            if send and (scope == '*' or send.flow:sub(1, #scope + 1) == scope .. '/') then
                if withdraw(send, 'h', words, args[4], pace) then
                    handed_off = handed_off + 1
                else
                    late = late + 1
                end
            end
        end
        return { known and 0 or 1, handed_off, late, #members == most and members[most] or '', alarm(), unpack(gone) }
    end,
    flags = { 'allow-oom' },
}

redis.register_function {
    function_name = '@_unsuppress',
    callback = function(keys, args)
        enter(keys)
        return redis.call('HDEL', tag .. ':z:' .. args[1], args[2])
    end,
    flags = { 'allow-oom' },
}
