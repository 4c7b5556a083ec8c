-- set: a field of one of our own hashes, also when memory is short: an operator's pause must not be refused for that.
--
-- KEYS   1 the hash, not a partition
-- ARGV   1 field  2 what it shall hold

redis.register_function {
    function_name = '@_set',
    callback = function(keys, args)
        return redis.call('HSET', keys[1], args[1], args[2])
    end,
    flags = { 'allow-oom' },
}
