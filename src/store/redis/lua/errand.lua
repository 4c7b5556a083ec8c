-- errand: work that one gateway does at a time, with a note of how far it got. KEYS[1] is the hash of all, not a partition.
--
-- ARGV   1 errand  2 how: take, note, change  3 who (16)  4 lease, ms  5 note
-- Reply  {1 if it was done, else 0, the note or ''}
-- Rule   A field holds who has it (16 bytes), until when, a space, the note. Nobody has what was changed.

local NOBODY = '\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0'

redis.register_function {
    function_name = '@_errand',
    callback = function(keys, args)
        enter(keys)
        local known = redis.call('HGET', keys[1], args[1]) or NOBODY .. '0 '
        local holder, till, note = known:sub(1, 16), known:match('^(%d+) (.*)$', 17)
        if args[2] == 'take' then
            if holder ~= args[3] and tonumber(till) > now then return { 0, note } end
        elseif args[2] == 'note' then
            if holder ~= args[3] then return { 0, note } end
            note = args[5]
        else
            note = args[5]
        end
        local mine = args[4] ~= '0'
        redis.call('HSET', keys[1], args[1],
            (mine and args[3] or NOBODY) .. string.format('%.0f', mine and now + args[4] or 0) .. ' ' .. note)
        return { 1, note }
    end,
    flags = { 'allow-oom' },
}
