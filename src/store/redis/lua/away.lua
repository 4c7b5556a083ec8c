-- away: ends a presence now, and forgets the hints of one.
--
-- ARGV   1 person  2 '' or only if they were last seen at most so long ago, ms  3 the presence window, ms
-- Reply  1 if one was ended, 0 if not

redis.register_function {
    function_name = '@_away',
    callback = function(keys, args)
        enter(keys)
        redis.call('DEL', tag .. ':w:' .. args[1])
        if args[2] ~= '' then
            local seen = redis.call('PEXPIRETIME', tag .. ':p:' .. args[1]) + 1 - args[3]
            if now - seen > tonumber(args[2]) then return 0 end
        end
        return leave(args[1])
    end,
    flags = { 'allow-oom' },
}
