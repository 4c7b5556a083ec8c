-- adopt: accepts a send that another store has held until now, with its past. It claims nothing.
--
-- ARGV   1–17 as in insert (13 to 16 are not used)  18 accepted at  19 attempts  20 dated, s, or 0  21… its history
-- Reply  {outcome, alarm}: 0 new, 1 the same again, 2 another body under this id, 3 full
-- Rule   A send that departed from here is taken back in, as a new one. Refused when memory is short.

redis.register_function('@_adopt', function(keys, args)
    enter(keys)
    local id = args[1]
    local before = known(args, '')
    local back = before and before[1] == 1 and redis.call('HGET', tag .. ':s:' .. id, 'dp') == '1'
    if before and not back then return before end
    if full(args) then return { 3, 0 } end
    if back then redis.call('DEL', tag .. ':s:' .. id, tag .. ':h:' .. id) end
    accept(args, {
        accepted = tonumber(args[18]), attempts = tonumber(args[19]), dated = tonumber(args[20]),
        arrival = redis.call('HINCRBY', tag .. ':c', 'arrival', 1),
    })
    for i = 21, #args do redis.call('RPUSH', tag .. ':h:' .. id, args[i]) end
    return { 0, alarm() }
end)
