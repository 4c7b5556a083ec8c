-- away: ends a presence now, and forgets the hints of one.
--
-- ARGV   1 person  2 '' or only if they were last seen at most so long ago, ms, and by one of these sources  3 the presence
--        window, ms  4 those sources' digits
-- Reply  1 if one was ended, 0 if not

redis.register_function {
    function_name = '@_away',
    callback = function(keys, args)
        enter(keys)
        redis.call('DEL', tag .. ':w:' .. args[1])
        if args[2] ~= '' then
            local key = tag .. ':p:' .. args[1]
            local source = (redis.call('GET', key) or ''):sub(-1)
            local seen = redis.call('PEXPIRETIME', key) + 1 - args[3]
            if source == '' or not args[4]:find(source, 1, true) or now - seen > tonumber(args[2]) then return 0 end
        end
        return leave(args[1])
    end,
    flags = { 'allow-oom' },
}
