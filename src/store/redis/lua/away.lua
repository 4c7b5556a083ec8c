-- away: ends a presence now.
--
-- ARGV   1 person  2 width of the presence slices, ms
-- Reply  1 if there was one, 0 if not

redis.register_function {
    function_name = '@_away',
    callback = function(keys, args)
        enter(keys)
        return leave(args[1], args[2])
    end,
    flags = { 'allow-oom' },
}
