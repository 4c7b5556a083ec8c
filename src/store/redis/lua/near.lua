-- aim: has a waiting send go without presence before its deadline, at a moment at which its person is often seen.
--
-- ARGV   1 send  2 when, ms  3 the same in words
-- Reply  {1 if it will, 0 if it is left as it is, alarm}
-- Rule   Claimed, late, or of an earlier deadline it is left. Said again it is done.

-- Most sends of a person that lose their moment when they withdraw.
local UNAIMED = 256

-- Tells of a send that is near its deadline and has no better moment yet; its next is the deadline. Of people of whom
-- nobody knows when they are seen nothing is told. Adds the hours, and the send as a claim is told, to `told`.
local function come_near(send, told)
    if now < send.near or send.aimed < NEVER then return end
    set_timer(send, send.deadline)
    local hours = redis.call('GET', tag .. ':u:' .. send.who)
    if not hours then return end
    tell(send, told)
    told[#told + 1] = hours
end

redis.register_function {
    function_name = '@_aim',
    callback = function(keys, args)
        enter(keys)
        local send, at = load(args[1]), tonumber(args[2])
        if not send or send.state ~= 'w' then return { 0, 0 } end
        if send.aimed == at then return { 1, 0 } end
        if late(send) or send.stand == 'O' or send.on_deadline ~= 's' or send.deadline <= at then return { 0, 0 } end
        unshelve(send)
        send.aimed = at
        shelve(send, 'am', at)
        note(send, 'aimed', args[3])
        return { 1, alarm() }
    end,
    flags = { 'allow-oom' },
}

-- This person's sends go at their deadlines again: in which hours they were seen is forgotten.
local function unaim(who)
    for _, member in ipairs(redis.call('ZRANGEBYLEX', queue_of(who), '-', '+', 'LIMIT', 0, UNAIMED)) do
        local send = at_place(who, member)
        if send and send.aimed < NEVER then
            redis.call('HDEL', tag .. ':s:' .. send.id, 'am')
            send.aimed = NEVER
            if send.state == 'w' then
                redis.call('ZREM', queue_of(who), member)
                set_timer(send, NEVER)
                redis.call('ZREM', tag .. ':f', send.flow .. '\0' .. send.id)
                shelve(send)
                if send.stand == 'R' then set_timer(send, send.deadline) end
            end
        end
    end
end
