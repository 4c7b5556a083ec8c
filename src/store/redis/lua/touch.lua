-- touch: records presence and claims what the person has due, unless consent says no or the signal is worth less. One
-- step.
--
-- ARGV   1 person  2 request  3 the slice of the window it is now, by the gateway's reckoning (only for counting), and
--        the source's digit behind it  4 how long the presence is kept, ms  5 the mail it is about, or ''  6 whose
--        consent counts ('b:brand', 'p:partner'), or '' for a trusted source  7 '1' if consent is presumed
--        8 rules that most touches do not need: 'most-claims lease landed-within threshold hint-ttl echo history
--        slice-width pace' (ms, percent, 1 or 0)  9 '' if it is presence at any age of the mail, or from which age
--        on what holds: 'presence hint kind percent landed later-hint its-percent' (ms, '-' for never)  10… flows held
--        back
-- Reply  0: nothing to claim; 1: no consent; 2: too young; 3: hinted; 4: echo; or {that or 5: presence joined of
--        hints, age of the mail in ms or -1 while it is handed over or -2, who has it in their mailbox if it landed or
--        '-' or '', alarm, claim…} (seven elements each, see `tell`)
-- Rule   The same request again gets what it holds. Refused when memory is short; `touch_full` then claims, and
--        remembers nobody.
-- Cost   Most people have nothing waiting, and every command and argument costs: three commands then, or four with a
--        recorded consent.

-- Whether one of up to three keys exists.
local function any(a, b, c)
    if b and c then return redis.call('EXISTS', a, b, c) > 0 end
    if b or c then return redis.call('EXISTS', a, b or c) > 0 end
    return redis.call('EXISTS', a) > 0
end

-- Remembers that a person is here. When they were seen is not written: it is the key's expiry less the window. Returns
-- the slice they were seen in before, if they were here.
local function remember(who, seen, span)
    local before = redis.call('SET', tag .. ':p:' .. who, seen, 'PX', span, 'GET')
    local slice, last = seen:sub(1, -2), before and before:sub(1, -2)
    if last == slice then return last end
    local counter = tag .. ':n:' .. slice
    if redis.call('INCR', counter) == 1 then redis.call('PEXPIRE', counter, math.floor((span + 1) * 1.25)) end
    if last then uncount(last) end
    return last
end

-- How a worth begins that is no presence at any age: with a '-'.
local NEVER_PRESENCE = 45

local function read_rules(text)
    local most, lease, landed, threshold, ttl, echo, history, width, pace =
        text:match('^(%d+) (%d+) (%d+) (%d+) (%d+) (%d+) (%d) (%d+) (.*)$')
    return {
        pace = pace_of(pace), most = tonumber(most), lease = tonumber(lease), landed = tonumber(landed),
        threshold = tonumber(threshold), ttl = tonumber(ttl), echo = tonumber(echo), history = history == '1',
        width = tonumber(width),
    }
end

local function claims_of(args, first, rules)
    local who, claims = args[1], {}
    hold_back(args, 10)
    for _, send in ipairs(held_under(who, args[2], first)) do tell(send, claims) end
    if #claims == 0 then
        claim_for(who, first, args[2], 'touch', true, rules.most, rules.pace, rules.lease, claims)
    end
    return claims
end

local function touch(keys, args, remembering)
    tag = keys[1]
    local who, grantee, presumed = args[1], args[6], args[7] == '1'
    local queue, consents = queue_of(who), tag .. ':y:' .. who
    local young = args[5] ~= '' and tag .. ':g:' .. args[5]
    local said
    if grantee ~= '' and not presumed then
        said = redis.call('HGET', consents, grantee)
        if not said or said:sub(1, 1) ~= '1' then return 1 end
    end
    -- One look for everything that could matter.
    local known = any(queue, presumed and consents, young)
    if known and presumed then
        said = redis.call('HGET', consents, grantee)
        if said and said:sub(1, 1) ~= '1' then return 1 end
    end
    local rules, code, age, landed = nil, 0, nil, ''
    -- Where nothing is known no mail is young: most signals are presence then, and need no weighing.
    if args[9] ~= '' and (known or args[9]:byte() == NEVER_PRESENCE) then
        rules = read_rules(args[8])
        code, age, landed = weigh(keys, args, known and young, rules)
        if code > 0 and code < 5 then return age and { code, age, landed } or code end
    end
    if remembering then
        local last = remember(who, args[3], args[4])
        if said then lived(keys, who, args[3]:sub(1, -2), last, rules or read_rules(args[8])) end
    end
    local first = known and first_stand(who)
    if not first and code == 0 and not age then return 0 end
    enter(keys)
    local claims = first and claims_of(args, first, rules or read_rules(args[8])) or {}
    if #claims == 0 and armed == NEVER and code == 0 and not age then return 0 end
    return { code, age or -2, landed, alarm(), unpack(claims) }
end

redis.register_function('@_touch', function(keys, args) return touch(keys, args, true) end)
redis.register_function {
    function_name = '@_touch_full',
    callback = function(keys, args) return touch(keys, args, false) end,
    flags = { 'allow-oom' },
}
