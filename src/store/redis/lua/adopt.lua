-- adopt: accepts a send that another store has held until now, with its past. It claims nothing.
--
-- ARGV   1–18 as in insert (13 to 15 are not used)  19 accepted at  20 attempts  21 dated, s, or 0  22… its history
-- Reply  {outcome, alarm}: 0 new, 1 the same again, 2 another body under this id, 3 full
--        {4, alarm, what is gone…} new, but its person gets no more mail: it is handed off
-- Rule   A send that departed from here is taken back in, as a new one. Refused when memory is short.

redis.register_function('@_adopt', function(keys, args)
    enter(keys)
    local id = args[1]
    local before = known(args, '')
    local back = before and before[1] == 1 and redis.call('HGET', tag .. ':s:' .. id, 'dp') == '1'
    if before and not back then return before end
    if full(args) then return { 3, 0 } end
    if back then redis.call('DEL', tag .. ':s:' .. id, tag .. ':h:' .. id) end
    local send = accept(args, {
        accepted = tonumber(args[19]), attempts = tonumber(args[20]), dated = tonumber(args[21]),
        arrival = redis.call('HINCRBY', tag .. ':c', 'arrival', 1),
    })
    for i = 22, #args do redis.call('RPUSH', tag .. ':h:' .. id, args[i]) end
    local why = stopped(send)
    if why then
        withdraw(send, 'h', why, args[18], pace_of(args[16]))
        return { 4, alarm(), unpack(gone) }
    end
    return { 0, alarm() }
end)
