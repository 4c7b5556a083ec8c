-- tick: what time has brought to one partition: leases that ran out, due moments, deadlines, flows that run again.
--
-- ARGV   1 request  2 most sends  3 ms before a lease that ran out is taken away (0: at once)  4 most claims a person
--        5 lease  6 pace  7 how long a mail has an age  8 how long to keep what is final  9 most attempts  10 when it was asked for, by this
--        server's clock as the gateway knows it  11… flows held back
-- Reply  {next timer or 0, 1 if there is more now, {claim…}, {send, state…} whose lease ran out, {what is gone…},
--        {send…} set aside because their keys are not what they should be, {claim, hours…} near their deadline,
--        {ms after its moment…} of all that was looked at because its moment had come}
-- Rule   The same request again first gets what it holds. A send whose keys are broken is set aside in `:x`, and the
--        others go on. A call that was long on its way was sent before its gateway knew of the outage that held it up:
--        holders could not renew meanwhile, so it takes no lease away. It does so once for each lease: of a cluster,
--        a server whose clock is ahead of the one that gateways ask for the time sees every call come late.

-- A call that arrives later than this, in ms, was held up.
local LATE = 500

local function expire(send, rules, expired)
    unclaim(send, '0')
    if send.begun then
        doubt(send, 'the lease ran out after the hand-over had begun', rules)
    else
        note(send, 'lease_expired', '')
        come_back(send, rules.keep, rules.pace)
    end
    expired[#expired + 1] = send.id
    expired[#expired + 1] = send.state
end

-- Claims for a person with an overdue send, or sees to it that the send is looked at when it can go.
local function fire(send, request, most, rules, claims)
    if not open(send.flow) then
        set_timer(send, NEVER)
        redis.call('ZADD', tag .. ':f', 0, send.flow .. '\0' .. send.id)
        return
    end
    local first = first_stand(send.who)
    local free = free_for(send.who, send.flow, rules.pace, first)
    if not free then
        set_timer(send, NEVER)
    elseif free > now then
        set_timer(send, free)
    else
        local online = redis.call('EXISTS', tag .. ':p:' .. send.who) == 1
        claim_for(send.who, first, request, 'time', online, most, rules.pace, rules.lease, claims)
        local stand = redis.call('HGET', tag .. ':s:' .. send.id, 'sd')
        if stand == 'O' and not free_at(send.who, rules.pace, first_stand(send.who)) then set_timer(send, NEVER) end
    end
end

-- Whether a claim's timer was put off before: it comes later than the lease, which a renewal makes anew.
local function was_postponed(send)
    return tonumber(redis.call('ZSCORE', tag .. ':t', send.id) or 0) > send.lease
end

-- Takes a send out of all that time looks at; `held` is its place in `:f`, if it was found there.
local function forget_timers(id, held)
    redis.call('ZREM', tag .. ':t', id)
    redis.call('ZREM', tag .. ':o', id)
    if held then redis.call('ZREM', tag .. ':f', held) end
end

-- Looks at a send; tells whether it was put off.
local function wake(id, held, request, most, rules, claims, expired, near)
    local send = load(id)
    if not send or (send.state ~= 'w' and send.state ~= 'c') then
        forget_timers(id, held)
        return true
    end
    if held and send.stand ~= 'O' then
        redis.call('ZREM', tag .. ':f', held)
        return true
    end
    if send.state == 'c' then
        local delay = math.max(rules.delay, rules.late and not was_postponed(send) and rules.lease or 0)
        if delay > 0 then
            set_timer(send, now + delay)
            return true
        end
        return expire(send, rules, expired)
    end
    local before = send.stand
    unshelve(send)
    if lapsed(send) then
        finalise(send, send.on_deadline, 'deadline', rules.keep, rules.pace)
        -- Its case is in one channel, and that is not e-mail any more.
        if send.state == 'h' and said_of_case(send) ~= '' and case_state(send.case) == 'o' then
            hand_off(send.case, 'deadline', rules.keep, rules.pace, SENDS)
        end
        return
    end
    shelve(send)
    if send.stand == 'R' then come_near(send, near) end
    if send.stand == 'O' then
        -- One that has only just become overdue waits for its turn: a better one may follow.
        if before ~= 'O' then return end
        fire(send, request, most, rules, claims)
    elseif send.stand == 'R' and redis.call('EXISTS', tag .. ':p:' .. send.who) == 1 then
        claim_for(send.who, first_stand(send.who), request, 'time', true, most, rules.pace, rules.lease, claims)
    end
end

-- Tells, whenever it is asked, which send to look at next: one whose timer has come, an overdue one, or one whose flow
-- runs again, with its place in `:f`; nil if there is none. What one tick adds to `:f` is held back, so the held flows
-- are walked once. Of a timer it also tells how many ms ago it came; what is overdue waited for something else than time.
local function in_turn()
    local from = '-'
    return function()
        local timer = redis.call('ZRANGEBYSCORE', tag .. ':t', '-inf', now, 'WITHSCORES', 'LIMIT', 0, 1)
        if timer[1] then return timer[1], nil, now - timer[2] end
        local id = redis.call('ZRANGEBYSCORE', tag .. ':o', '-inf', now, 'LIMIT', 0, 1)[1]
        if id then return id end
        while true do
            local first = redis.call('ZRANGEBYLEX', tag .. ':f', from, '+', 'LIMIT', 0, 1)[1]
            if not first then return nil end
            local flow = first:sub(1, -18)
            if open(flow) then
                from = '[' .. first
                return first:sub(-16), first
            end
            from = '[' .. flow .. '\1'
        end
    end
end

-- What a request that comes again holds.
local function held_by_tick(request, claims)
    for _, id in ipairs(redis.call('LRANGE', tag .. ':k:' .. request, 0, -1)) do
        local send = sound(id)
        if send and send.state == 'c' and send.claim == request and not send.ended then tell(send, claims) end
    end
end

redis.register_function {
    function_name = '@_tick',
    callback = function(keys, args)
        enter(keys)
        hold_back(args, 11)
        local request, budget = args[1], tonumber(args[2])
        local rules = {
            delay = tonumber(args[3]), most = tonumber(args[4]), lease = tonumber(args[5]), pace = pace_of(args[6]),
            grace = tonumber(args[7]), keep = args[8], attempts = tonumber(args[9]), late = now - args[10] > LATE,
        }
        local claims, expired, aside, near, lateness = {}, {}, {}, {}, {}
        held_by_tick(request, claims)
        if #claims > 0 then budget = 0 end
        -- First cases: what waits of one whose deadline has come is not claimed.
        while budget > 0 do
            local timer = redis.call('ZRANGEBYSCORE', tag .. ':v', '-inf', now, 'WITHSCORES', 'LIMIT', 0, 1)
            local case = timer[1]
            if not case then break end
            if pcall(wake_case, case, rules) then
                lateness[#lateness + 1] = now - timer[2]
            else
                set_case_timer(case, NEVER)
                aside[#aside + 1] = case
            end
            budget = budget - 1
        end
        local next_due = in_turn()
        while budget > 0 do
            local id, held, by = next_due()
            if not id then break end
            local before, most = #claims, math.min(budget, rules.most)
            local fine, put_off = pcall(wake, id, held, request, most, rules, claims, expired, near)
            if fine and by and not put_off then lateness[#lateness + 1] = by end
            if not fine then
                forget_timers(id, held)
                redis.call('SADD', tag .. ':x', id)
                aside[#aside + 1] = id
            end
            budget = budget - math.max((#claims - before) / TOLD, 1)
            for i = before + 1, #claims, TOLD do
                redis.call('RPUSH', tag .. ':k:' .. request, claims[i])
                redis.call('PEXPIRE', tag .. ':k:' .. request, rules.lease)
            end
        end
        local timer = redis.call('ZRANGE', tag .. ':t', 0, 0, 'WITHSCORES')[2]
        local overdue = redis.call('ZRANGE', tag .. ':o', 0, 0, 'WITHSCORES')[2]
        local case = redis.call('ZRANGE', tag .. ':v', 0, 0, 'WITHSCORES')[2]
        local head = math.min(timer or NEVER, overdue or NEVER, case or NEVER)
        local more = (next_due() or tonumber(case or NEVER) <= now) and 1 or 0
        return { head == NEVER and 0 or head, more, claims, expired, gone, aside, near, lateness }
    end,
    flags = { 'allow-oom' },
}
