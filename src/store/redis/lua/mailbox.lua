-- mailbox: has a person's mailbox watched, or no more. The hash of a partition's mailboxes also says how often it has
-- changed, under `v`: who watches them looks at that.
--
-- ARGV   1 person  2 what is sealed, or '' for none  3 if there: only if this is what is sealed now
-- Reply  1 if it is so now, 0 if not

local function watch(who, sealed)
    local key = tag .. ':m'
    if (redis.call('HGET', key, who) or '') == sealed then return end
    if sealed == '' then
        redis.call('HDEL', key, who)
    else
        redis.call('HSET', key, who, sealed)
    end
    redis.call('HINCRBY', key, 'v', 1)
end

redis.register_function {
    function_name = '@_mailbox',
    callback = function(keys, args)
        enter(keys)
        local known = redis.call('HGET', tag .. ':m', args[1]) or ''
        if args[3] and known ~= args[3] then return known == args[2] and 1 or 0 end
        watch(args[1], args[2])
        return 1
    end,
    flags = { 'allow-oom' },
}
