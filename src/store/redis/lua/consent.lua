-- consent: records what a person said. A withdrawal always holds; a grant only if nothing later is known. `when` is the
-- clock of the gateway that was told, so a withdrawal that seems older than what is known takes its moment over. A
-- withdrawal ends their presence, and forgets the hints of it, the hours it was in, and the
-- better moments that come from these.
--
-- ARGV   1 person  2 to whom ('b:brand', 'p:partner')  3 '1' granted, '0' withdrawn  4 when, ms  5 proof, and behind it
--        what was said before, a line each
--        6 if there: it was said to another store, and of two the later holds; of two made at the same time the first
-- Reply  1 if it holds now, 0 if not
-- Rule   A statement is a line: 1 or 0, when, a space, proof. What it replaces stays behind it, at most seven lines.

-- The first lines of a text, that many at most.
local function lines(text, most)
    local from = 1
    for _ = 1, most do
        local at = text:find('\n', from, true)
        if not at then return text end
        from = at + 1
    end
    return text:sub(1, from - 2)
end

redis.register_function {
    function_name = '@_consent',
    callback = function(keys, args)
        enter(keys)
        local at, behind = args[4], ''
        local said = redis.call('HGET', tag .. ':y:' .. args[1], args[2])
        local known = said and said:sub(2, said:find(' ', 1, true) - 1)
        if known then
            local later = tonumber(known) - tonumber(at)
            if args[6] and later >= 0 or args[3] == '1' and later > 0 then return 0 end
            if later > 0 then at = known end
        end
        local now_said = args[3] .. at .. ' ' .. args[5]
        if said and not args[6] then
            local same = lines(said, 1) == now_said
            behind = same and said:sub(#now_said + 1) or '\n' .. lines(said, 7)
        end
        -- Who withdrew has withdrawn: saying so again and again must not push out what can be shown.
        local again = said and not args[6] and args[3] == '0' and said:sub(1, 1) == '0'
        if not again then redis.call('HSET', tag .. ':y:' .. args[1], args[2], now_said .. behind) end
        if args[3] == '0' then
            leave(args[1])
            redis.call('DEL', tag .. ':w:' .. args[1], tag .. ':u:' .. args[1])
            unaim(args[1])
        end
        return 1
    end,
    flags = { 'allow-oom' },
}
