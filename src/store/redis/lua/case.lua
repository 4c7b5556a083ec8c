-- put_case, depart_case, settle, hand_off: opens or changes a case; lets one go to another store; closes one, with its sends.
--
-- put_case ARGV   1 case (16)  2 person  3 brand  4 name  5 what its brand states  6 digest (16)  7 deadline, or ''
--                 8 most open cases of this partition  9 how long to keep what is final  10 pace; of one from another store  11 opened
--                 12 updated  13 mails  14 opens  15 clicks  16 last seen, or ''  17 first mail, or ''  18 last mail, or ''
--                 19… {letter, when a relay took it}
--          Reply  {outcome, alarm, what is gone…}: 'n' new, 'u' updated, '=' the same, '?' another person's, '!' too many;
--                 or the letter of where it stands
--          Rule   Refused when memory is short.
-- depart_case ARGV 1 case (16)
--          Reply  1 if it was open
-- settle   ARGV   1 case (16)  2 reason  3 how long to keep what is final  4 pace  5 most sends
--          Reply  {ended, in hand-over, 1 if there may be more, where the case stands or '', alarm, what is gone…}
-- hand_off        the same
--          Rule   A claim becomes stale, unless its hand-over has begun. Call again while there is more.

redis.register_function {
    function_name = '@_depart_case',
    callback = function(keys, args)
        enter(keys)
        local case = args[1]
        local v = redis.call('HMGET', case_key(case), 'st', 'br', 'wh')
        if v[1] ~= 'o' then return 0 end
        set_case_timer(case, NEVER)
        redis.call('SREM', tag .. ':r:' .. v[3], case)
        redis.call('DEL', case_key(case))
        redis.call('HINCRBY', tag .. ':c', 'cases', -1)
        redis.call('HINCRBY', tag .. ':c', 'C' .. v[2] .. ':o', -1)
        return 1
    end,
    flags = { 'allow-oom' },
}

-- Sends of a case that are ended in one go, where nobody says how many.
local SENDS = 200

-- Ends at most `most` sends of a case; tells how many, how many are being handed over, and whether there may be more.
local function end_sends(case, to, reason, keep, pace, most)
    local key = tag .. ':a:' .. case
    local ids = redis.call('SRANDMEMBER', key, most)
    local ended, late, dropped = 0, 0, 0
    for _, id in ipairs(ids) do
        local send, broken = sound(id)
        if not send then
            redis.call('SREM', key, id)
            dropped = dropped + 1
            if broken then give_up(id) end
        elseif withdraw(send, to, reason, keep, pace) then
            ended = ended + 1
        else
            -- It becomes that also if its hand-over comes to nothing.
            save(send, 'lv', to)
            late = late + 1
        end
    end
    return ended, late, #ids == most and ended + dropped > 0
end

-- A case leaves e-mail; it has left as soon as no mail of it is under way. What could not be ended in one go is a matter
-- of the next.
local function hand_off(case, reason, keep, pace, most)
    local key = case_key(case)
    local state = case_state(case)
    if state == 'o' then
        redis.call('HSET', key, 'st', 'l', 'wy', reason)
        set_case_timer(case, NEVER)
    end
    local ended, late, more = end_sends(case, 'h', reason, keep, pace, most)
    if case_state(case) == 'l' then
        if more then
            set_case_timer(case, now)
        elseif late == 0 then
            close_case(case, 'h', redis.call('HGET', key, 'wy'), keep)
        end
    end
    return ended, late, more
end

redis.register_function('@_put_case', function(keys, args)
    enter(keys)
    local case, who, brand, name = args[1], args[2], args[3], args[4]
    local key = case_key(case)
    local v = redis.call('HMGET', key, 'st', 'wh', 'dg')
    if v[1] and v[1] ~= 'o' then return { v[1], 0 } end
    if v[1] and v[2] ~= who then return { '?', 0 } end
    if v[1] and (args[11] or v[3] == args[6]) then return { '=', 0 } end
    if not v[1] and tonumber(redis.call('HGET', tag .. ':c', 'cases') or 0) >= tonumber(args[8]) then return { '!', 0 } end
    redis.call('HSET', key, 'st', 'o', 'wh', who, 'br', brand, 'nm', name, 'pl', args[5], 'dg', args[6], 'up', now)
    if args[11] then
        redis.call('HSET', key, 'at', args[11], 'up', args[12], 'n', args[13], 'oc', args[14], 'cc', args[15])
        for i, field in ipairs({ 'ls', 'fm', 'lm' }) do
            if args[15 + i] ~= '' then redis.call('HSET', key, field, args[15 + i]) end
        end
        for i = 19, #args, 2 do redis.call('HSET', key, 'm' .. args[i], args[i + 1]) end
        redis.call('SADD', tag .. ':r:' .. who, case)
        count_case(brand, nil, 'o')
    elseif not v[1] then
        redis.call('HSET', key, 'at', now)
        redis.call('SADD', tag .. ':r:' .. who, case)
        count_case(brand, nil, 'o')
        tell_case(case, 'opened', '', brand, name, { state = 'open' })
    else
        tell_case(case, 'updated', '-' .. now .. hex(args[6]:sub(1, 4)), brand, name, { state = 'open' })
    end
    set_case_timer(case, math.max(tonumber(args[7]) or NEVER, now))
    -- Who gets no more mail is written to in no channel of ours.
    local why = stopped({ who = who, flow = brand .. '/' })
    if why then hand_off(case, why, args[9], pace_of(args[10]), SENDS) end
    return { v[1] and 'u' or 'n', alarm(), unpack(gone) }
end)

-- The deadline of a case has come, or there is more to do of its leaving.
local function wake_case(case, rules)
    local state = case_state(case)
    set_case_timer(case, NEVER)
    if state == 'o' or state == 'l' then hand_off(case, 'deadline', rules.keep, rules.pace, SENDS) end
end

-- A person gets no more mail of this scope ('*' or a brand): their cases leave.
local function stop_cases(who, scope, why, keep, pace)
    for _, case in ipairs(redis.call('SMEMBERS', tag .. ':r:' .. who)) do
        if scope == '*' or redis.call('HGET', case_key(case), 'br') == scope then hand_off(case, why, keep, pace, SENDS) end
    end
end

local function answer(case, ended, late, more)
    return { ended, late, more and 1 or 0, case_state(case) or '', alarm(), unpack(gone) }
end

redis.register_function {
    function_name = '@_settle',
    callback = function(keys, args)
        enter(keys)
        local case, reason, keep, pace = args[1], args[2], args[3], pace_of(args[4])
        local state = case_state(case)
        if state and state ~= 's' then close_case(case, 's', reason, keep) end
        return answer(case, end_sends(case, 'x', reason, keep, pace, tonumber(args[5])))
    end,
    flags = { 'allow-oom' },
}

redis.register_function {
    function_name = '@_hand_off',
    callback = function(keys, args)
        enter(keys)
        return answer(args[1], hand_off(args[1], args[2], args[3], pace_of(args[4]), tonumber(args[5])))
    end,
    flags = { 'allow-oom' },
}
