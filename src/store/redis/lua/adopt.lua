-- adopt: accepts a send that another store has held until now, with its past.
--
-- ARGV   1–17 as in insert  18 accepted at  19 attempts  20 dated, s, or 0  21 arrival  22… lines of its history
-- Reply  {outcome, alarm}: 0 new, 1 the same again, 2 another body under this id, 3 full

redis.register_function('@_adopt', function(keys, args)
    enter(keys)
    local before = known(args, '')
    if before then return before end
    if full(args) then return { 3, 0 } end
    local arrival = tonumber(args[21])
    local counter = tonumber(redis.call('HGET', tag .. ':c', 'arrival') or 0)
    if arrival > counter then redis.call('HSET', tag .. ':c', 'arrival', arrival) end
    accept(args, {
        accepted = tonumber(args[18]), attempts = tonumber(args[19]), dated = tonumber(args[20]), arrival = arrival,
    })
    for i = 22, #args do redis.call('RPUSH', tag .. ':h:' .. args[1], args[i]) end
    return { 0, alarm() }
end)
