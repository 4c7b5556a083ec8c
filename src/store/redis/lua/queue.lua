-- One person's live sends, in one sorted set ordered by bytes:
--
--   C send                                    claimed
--   E due(6) send                             waiting for its due moment
--   O flow 0 rank(8) arrival(6) on-deadline send    overdue: its deadline has passed, and it goes without presence
--   R flow 0 rank(8) arrival(6) on-deadline send    ready: waiting for its person
--
-- Rank is priority (2, the higher first) and deadline (6); numbers are big-endian. Flows come first so that a claim
-- steps over one that is held back, however many of its sends wait.

local function queue_of(who)
    return tag .. ':q:' .. who
end

local function big6(n)
    return struct.pack('>I6', n)
end

-- What says which of two sends goes first.
local function order_of(send)
    return send.rank .. big6(send.arrival)
end

local function place(send)
    local stand = send.stand
    if stand == 'C' then return 'C' .. send.id end
    if stand == 'E' then return 'E' .. big6(send.due) .. send.id end
    return stand .. send.flow .. '\0' .. order_of(send) .. send.on_deadline .. send.id
end

-- Whether one order comes before another. Lua compares strings by the server's locale, which is not
-- by bytes: numbers are compared.
local function is_better(a, b)
    local priority, deadline, arrival = struct.unpack('>I2I6I6', a)
    local priority_b, deadline_b, arrival_b = struct.unpack('>I2I6I6', b)
    if priority ~= priority_b then return priority < priority_b end
    if deadline ~= deadline_b then return deadline < deadline_b end
    return arrival < arrival_b
end

-- What a place in the stands O and R says.
local function read_place(place)
    return { member = place, order = place:sub(-31, -18) }
end

-- The stand of a person's first place: there is none of an earlier letter, so most looks into a queue can be spared.
-- Nil if nothing of theirs is live.
local function first_stand(who)
    local first = redis.call('ZRANGE', queue_of(who), 0, 0)[1]
    return first and first:byte()
end

local STAND = { C = ('C'):byte(), E = ('E'):byte(), O = ('O'):byte() }

-- Leaves a send whose head is not what it should be to the tick, which sets it aside and says so.
local function give_up(id)
    set_timer({ id = id, stand = 'C' }, now)
end

-- The send that has a place in a person's queue. One whose head is gone or not what it should be loses the place, so that
-- it is in nobody's way.
local function at_place(who, member)
    local id = member:sub(-16)
    local send, broken = sound(id)
    if send then return send end
    redis.call('ZREM', queue_of(who), member)
    if broken then give_up(id) end
end

local function lapsed(send)
    return send.deadline <= now and send.on_deadline ~= 's'
end

-- Whether its deadline has passed, or the better moment before it.
local function late(send)
    return math.min(send.deadline, send.aimed) <= now
end

-- Puts a send that waits, and has neither place nor timer, where it belongs now; writes its stand and `...` to its head. A
-- moment that has passed comes now: nothing could be done about it before.
local function shelve(send, ...)
    local moment
    if send.due > now then
        send.stand, moment = 'E', send.due
        if send.on_deadline ~= 's' then moment = math.min(moment, send.deadline) end
    elseif late(send) and send.on_deadline == 's' then
        send.stand, moment = 'O', 0
    elseif send.aimed < NEVER then
        send.stand, moment = 'R', math.min(send.deadline, send.aimed)
    else
        send.stand, moment = 'R', math.min(send.deadline, send.near)
    end
    redis.call('ZADD', queue_of(send.who), 0, place(send))
    if send.stand ~= 'O' then moment = math.max(moment, now) end
    if moment < NEVER then set_timer(send, moment) end
    save(send, 'sd', send.stand, ...)
end

-- Takes a send that waits from its place and its held flow; its timer stays.
local function leave_place(send)
    redis.call('ZREM', queue_of(send.who), place(send))
    if send.stand == 'O' then redis.call('ZREM', tag .. ':f', send.flow .. '\0' .. send.id) end
end

local function unshelve(send)
    set_timer(send, NEVER)
    leave_place(send)
end

-- When the next mail of anybody to this person may be claimed, and what they got before; nil while one is under way.
-- `first` is their first stand.
local function free_at(who, pace, first)
    if not pace.spaced then return 0, {} end
    if first == STAND.C then return nil end
    local contacts = contacts_of(who)
    return together_free_at(pace, contacts), contacts
end

-- The same for a mail of this flow.
local function free_for(who, flow, pace, first)
    local free, contacts = free_at(who, pace, first)
    return free and math.max(free, brand_free_at(pace, contacts, flow))
end

-- After a claim of this person ended, or an overdue send left: sees to it that their next overdue sends are looked at.
local function rewake(who, pace)
    local first = who and pace.spaced and first_stand(who)
    if not first or first > STAND.O then return end
    local free, contacts = free_at(who, pace, first)
    if not free then return end
    local from = '[O'
    while true do
        local first = redis.call('ZRANGEBYLEX', queue_of(who), from, '(P', 'LIMIT', 0, 1)[1]
        if not first then return end
        local flow, id = first:sub(2, first:find('\0', 1, true) - 1), first:sub(-16)
        if not redis.call('ZSCORE', tag .. ':f', flow .. '\0' .. id) and not redis.call('ZSCORE', tag .. ':o', id) then
            local its = math.max(free, brand_free_at(pace, contacts, flow))
            set_timer({ id = id, stand = 'O' }, math.max(its, now))
        end
        from = '[O' .. flow .. '\1'
    end
end
