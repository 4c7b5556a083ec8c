-- cancel, forget: one send, one person.
--
-- cancel ARGV   1 send  2 reason  3 how long to keep what is final  4 pace
--        Reply  {outcome, alarm, what is gone…}: 'done', 'begun' (too late), 'unknown', or the letter of the final state
-- forget ARGV   1 person  2 how long to keep what is final  3 pace  4 most sends
--        Reply  {cancelled, too late, cases, consents, presence, 1 if there is more, alarm, what is gone…}
-- Rule   A claim becomes stale, unless its hand-over has begun. Call forget again while there is more.

redis.register_function {
    function_name = '@_cancel',
    callback = function(keys, args)
        enter(keys)
        local send = load(args[1])
        if not send then return { 'unknown', 0 } end
        if send.state == 'x' then return { 'done', 0 } end
        if send.state ~= 'w' and send.state ~= 'c' then return { send.state, 0 } end
        local done = call_off(send, args[2], args[3], pace_of(args[4]))
        return { done and 'done' or 'begun', alarm(), unpack(gone) }
    end,
    flags = { 'allow-oom' },
}

-- Makes a send that is being handed over nobody's: what is left of it names no person.
local function anonymise(send)
    redis.call('ZREM', queue_of(send.who), 'C' .. send.id)
    if send.case then redis.call('SREM', tag .. ':a:' .. send.case, send.id) end
    redis.call('DEL', tag .. ':b:' .. send.id)
    redis.call('HDEL', tag .. ':s:' .. send.id, 'wh', 'ca')
    save(send, 'fg', '1')
end

-- Makes a send nobody's whose head is gone or not what it should be, as far as it can be.
local function redact(id)
    redis.call('DEL', tag .. ':b:' .. id)
    redis.pcall('HDEL', tag .. ':s:' .. id, 'wh', 'ca')
end

redis.register_function {
    function_name = '@_forget',
    callback = function(keys, args)
        enter(keys)
        local who, keep, pace = args[1], args[2], pace_of(args[3])
        local consents = redis.call('HLEN', tag .. ':y:' .. who)
        local members = redis.call('ZRANGE', queue_of(who), 0, args[4] - 1)
        local presence = leave(who)
        redis.call('DEL', tag .. ':y:' .. who, tag .. ':l:' .. who, tag .. ':w:' .. who, tag .. ':u:' .. who,
            tag .. ':z:' .. who)
        watch(who, '')
        local cases = redis.call('SMEMBERS', tag .. ':r:' .. who)
        for _, case in ipairs(cases) do close_case(case, 's', 'forgotten', keep) end
        local cancelled, late = 0, 0
        for _, member in ipairs(members) do
            local send = at_place(who, member)
            if not send then
                redact(member:sub(-16))
            elseif call_off(send, 'forgotten', keep, pace) then
                cancelled = cancelled + 1
            else
                late = late + 1
                anonymise(send)
            end
        end
        local more = redis.call('EXISTS', queue_of(who))
        return { cancelled, late, #cases, consents, presence, more, alarm(), unpack(gone) }
    end,
    flags = { 'allow-oom' },
}
