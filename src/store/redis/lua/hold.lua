-- renew and begin: what the holder of a claim says while it lasts.
--
-- renew  ARGV   1 lease, ms  2 send  3 claim  4 send  5 claim …
--        Reply  {1 or 0 for each}: 0 is a stale hold
-- begin  ARGV   1 send  2 claim
--        Reply  1: the hand-over may begin; 0: the hold is stale
--        Rule   Said again after the holder itself ended the claim, it is still done.

-- What is handed over is of age zero, until that ends; in any case not longer than this, in ms.
local HANDED_OVER = 86400000

-- state, claim, lease, begun, ended of a send
local function hold_of(id)
    return redis.call('HMGET', tag .. ':s:' .. id, 'st', 'cl', 'le', 'bg', 'en')
end

local function in_force(hold, claim)
    return hold[1] == 'c' and hold[2] == claim and now < tonumber(hold[3])
end

redis.register_function {
    function_name = '@_renew',
    callback = function(keys, args)
        enter(keys)
        local lease, answers = now + args[1], {}
        for i = 2, #args, 2 do
            local ok = in_force(hold_of(args[i]), args[i + 1])
            if ok then
                local send = { id = args[i] }
                save(send, 'le', lease)
                set_timer(send, lease)
            end
            answers[#answers + 1] = ok and 1 or 0
        end
        return answers
    end,
    flags = { 'allow-oom' },
}

redis.register_function {
    function_name = '@_begin',
    callback = function(keys, args)
        enter(keys)
        local hold = hold_of(args[1])
        if in_force(hold, args[2]) then
            if hold[4] ~= '1' then
                save({ id = args[1] }, 'bg', '1')
                redis.call('SET', tag .. ':g:' .. args[1], '0 ', 'PX', HANDED_OVER)
            end
            return 1
        end
        local by_holder = hold[5] and hold[5] ~= '0'
        return hold[2] == args[2] and hold[4] == '1' and by_holder and 1 or 0
    end,
    flags = { 'allow-oom' },
}
