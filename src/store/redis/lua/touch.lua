-- touch: records presence, unless consent or the scan-grace rule say no, and claims what the person has due. One step.
--
-- ARGV   1 person  2 request  3 source (one digit)  4 presence window, ms  5 the slice of the window it is now, by the
--        gateway's reckoning: only for counting  6 the mail it is about, or ''  7 whose consent counts ('b:brand',
--        'p:partner'), or '' for a trusted source  8 '1' if consent is presumed  9 min_gap, ms  10 most claims
--        11 lease, ms  12… flows held back
-- Reply  0: nothing to claim; 1: no consent; 2: scan grace; or {alarm, claim…} (six elements each, see `tell`)
-- Rule   The same request again gets what it holds. Refused when memory is short; `touch_full` then claims, and
--        remembers nobody.

-- Remembers that a person is here. When they were seen is not written: it is the key's expiry less the window.
local function remember(who, source, window, slice)
    local before = redis.call('SET', tag .. ':p:' .. who, slice .. source, 'PX', lasting(window), 'GET')
    local seen = before and before:sub(1, -2)
    if seen == slice then return end
    local key = tag .. ':n:' .. slice
    if redis.call('INCR', key) == 1 then redis.call('PEXPIRE', key, math.floor(window * 1.25)) end
    if seen then redis.call('DECR', tag .. ':n:' .. seen) end
end

local function touch(keys, args, remembering)
    tag = keys[1]
    local who = args[1]
    if args[7] ~= '' then
        local said = redis.call('HGET', tag .. ':y:' .. who, args[7])
        if said then
            if said:sub(1, 1) ~= '1' then return 1 end
        elseif args[8] ~= '1' then
            return 1
        end
    end
    if args[6] ~= '' and redis.call('EXISTS', tag .. ':g:' .. args[6]) == 1 then return 2 end
    if remembering then remember(who, args[3], args[4], args[5]) end
    if redis.call('EXISTS', tag .. ':q:' .. who) == 0 then return 0 end
    enter(keys)
    hold_back(args, 12)
    local claims = {}
    for _, send in ipairs(held_under(who, args[2])) do tell(send, claims) end
    if #claims == 0 then
        claim_for(who, args[2], 'touch', true, tonumber(args[10]), tonumber(args[9]), tonumber(args[11]), claims)
    end
    if #claims == 0 and armed == NEVER then return 0 end
    return { alarm(), unpack(claims) }
end

redis.register_function('@_touch', function(keys, args) return touch(keys, args, true) end)
redis.register_function {
    function_name = '@_touch_full',
    callback = function(keys, args) return touch(keys, args, false) end,
    flags = { 'allow-oom' },
}
