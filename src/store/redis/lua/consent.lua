-- consent: records what a person said; of two statements the one made later holds. A withdrawal ends their presence.
--
-- ARGV   1 person  2 to whom ('b:brand', 'p:partner')  3 '1' granted, '0' withdrawn  4 when, ms  5 proof
--        6 if there: of two made at the same time the first holds
-- Reply  1 if it holds now, 0 if a later statement is known

redis.register_function {
    function_name = '@_consent',
    callback = function(keys, args)
        enter(keys)
        local said = redis.call('HGET', tag .. ':y:' .. args[1], args[2])
        local at = said and tonumber(said:sub(2, said:find(' ', 1, true) - 1))
        if at and (at > tonumber(args[4]) or args[6] and at == tonumber(args[4])) then return 0 end
        redis.call('HSET', tag .. ':y:' .. args[1], args[2], args[3] .. args[4] .. ' ' .. args[5])
        if args[3] == '0' then leave(args[1]) end
        return 1
    end,
    flags = { 'allow-oom' },
}
