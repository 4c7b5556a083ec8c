-- away: ends a presence now.
--
-- ARGV   1 person
-- Reply  1 if there was one, 0 if not

redis.register_function {
    function_name = '@_away',
    callback = function(keys, args)
        tag = keys[1]
        return leave(args[1])
    end,
    flags = { 'allow-oom' },
}
