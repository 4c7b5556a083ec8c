-- beat: says that a gateway lives, and hears which others do. KEYS[1] is the set of gateways, not a partition.
--
-- ARGV   1 gateway  2 how long it counts as alive, ms; 0 signs off
-- Reply  {the server's time in ms, gateway…}

redis.register_function {
    function_name = '@_beat',
    callback = function(keys, args)
        enter(keys)
        if args[2] == '0' then
            redis.call('ZREM', tag, args[1])
        else
            redis.call('ZADD', tag, now + args[2], args[1])
        end
        redis.call('ZREMRANGEBYSCORE', tag, '-inf', now)
        return { now, unpack(redis.call('ZRANGE', tag, 0, -1)) }
    end,
    flags = { 'allow-oom' },
}
