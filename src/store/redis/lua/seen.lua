-- seen: somebody saw a letter.
--
-- ARGV   1 person  2 send (16)  3 what is counted: oc opens, cc clicks, or '' nothing  4 when
-- Reply  {brand, name} of the open case that the letter is of, or {}
-- Rule   Refused when memory is short.

-- Most cases of one person that are looked at.
local OPEN_CASES = 64

-- The open case of a person's letter: what its head says while it lives, then what their cases remember.
local function case_of_letter(who, id)
    local head = redis.call('HMGET', tag .. ':s:' .. id, 'wh', 'ca')
    if head[1] and head[2] then
        return head[1] == who and redis.call('HGET', case_key(head[2]), 'wh') == who and head[2]
    end
    for _, case in ipairs(redis.call('SRANDMEMBER', tag .. ':r:' .. who, OPEN_CASES)) do
        if redis.call('HGET', case_key(case), 'm' .. id) then return case end
    end
end

redis.register_function('@_seen', function(keys, args)
    enter(keys)
    local case = case_of_letter(args[1], args[2])
    if not case then return {} end
    local key, at = case_key(case), tonumber(args[4])
    local v = redis.call('HMGET', key, 'br', 'nm', 'ls')
    if args[3] ~= '' then
        redis.call('HINCRBY', key, args[3], 1)
        if at > tonumber(v[3] or 0) then redis.call('HSET', key, 'ls', args[4]) end
    end
    return { v[1], v[2] }
end)
