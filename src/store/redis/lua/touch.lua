-- touch: records presence, unless consent or the scan-grace rule say no, and claims what the person has due. One step.
--
-- ARGV   1 person  2 request  3 the slice of the window it is now, by the gateway's reckoning (only for counting), and
--        the source's digit behind it  4 how long the presence is kept, ms  5 the mail it is about, or ''  6 whose
--        consent counts ('b:brand', 'p:partner'), or '' for a trusted source  7 '1' if consent is presumed
--        8 'min_gap most-claims lease', ms  9… flows held back
-- Reply  0: nothing to claim; 1: no consent; 2: scan grace; or {alarm, claim…} (six elements each, see `tell`)
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

-- Remembers that a person is here. When they were seen is not written: it is the key's expiry less the window.
local function remember(who, seen, span)
    local before = redis.call('SET', tag .. ':p:' .. who, seen, 'PX', span, 'GET')
    local slice, last = seen:sub(1, -2), before and before:sub(1, -2)
    if last == slice then return end
    local counter = tag .. ':n:' .. slice
    if redis.call('INCR', counter) == 1 then redis.call('PEXPIRE', counter, math.floor((span + 1) * 1.25)) end
    if last then uncount(last) end
end

-- What stands against a person's presence, as the reply says it; nil if nothing does.
local function refusal(consents, grantee, presumed, grace)
    local said = grantee ~= '' and redis.call('HGET', consents, grantee)
    if said and said:sub(1, 1) ~= '1' then return 1 end
    if grantee ~= '' and not said and not presumed then return 1 end
    if grace and redis.call('EXISTS', grace) == 1 then return 2 end
end

local function claims_of(keys, args, first)
    local who = args[1]
    local gap, most, lease = args[8]:match('^(%d+) (%d+) (%d+)$')
    enter(keys)
    hold_back(args, 9)
    local claims = {}
    for _, send in ipairs(held_under(who, args[2], first)) do tell(send, claims) end
    if #claims == 0 then
        claim_for(who, first, args[2], 'touch', true, tonumber(most), tonumber(gap), tonumber(lease), claims)
    end
    if #claims == 0 and armed == NEVER then return 0 end
    return { alarm(), unpack(claims) }
end

local function touch(keys, args, remembering)
    tag = keys[1]
    local who, grantee, presumed = args[1], args[6], args[7] == '1'
    local queue, consents = queue_of(who), tag .. ':y:' .. who
    local grace = args[5] ~= '' and tag .. ':g:' .. args[5]
    local asked = grantee ~= '' and not presumed
    if asked then
        local refused = refusal(consents, grantee, false)
        if refused then return refused end
    end
    -- One look for everything that could matter.
    local known = any(queue, presumed and consents, grace)
    if known then
        local refused = refusal(consents, asked and '' or grantee, presumed, grace)
        if refused then return refused end
    end
    if remembering then remember(who, args[3], args[4]) end
    local first = known and first_stand(who)
    if not first then return 0 end
    return claims_of(keys, args, first)
end

redis.register_function('@_touch', function(keys, args) return touch(keys, args, true) end)
redis.register_function {
    function_name = '@_touch_full',
    callback = function(keys, args) return touch(keys, args, false) end,
    flags = { 'allow-oom' },
}
