-- insert: accepts one send; claims it if it is due and its recipient online.
--
-- ARGV   1 send  2 digest (16)  3 reference  4 flow  5 person  6 case (16), or ''  7 rank (8)  8 due, or ''
--        9 deadline, or ''  10 on deadline (s, h, d), and behind s from when on a
--        better moment is looked for  11 on uncertain (h, r)  12 payload  13 request  14 most claims
--        15 lease, ms  16 pace  17 most live sends of this partition  18 how long to keep what is final  19… flows held back
-- Reply  {outcome, alarm, claim…}: 0 new, 1 the same again, 2 another body under this id, 3 full, 4 to 6 its case is leaving,
--        settled, handed off
--        {7, alarm, what is gone…} new, but its person gets no more mail: it is handed off
-- Rule   A repeated request gets the claim it holds, as new. Refused when memory is short.

-- Writes a new send and puts it where it belongs. `past` is what it brings along: accepted, attempts, dated, arrival.
local function accept(args, past)
    local id = args[1]
    local send = {
        id = id, state = 'w', reference = args[3], flow = args[4], who = args[5],
        case = args[6] ~= '' and args[6], rank = args[7],
        due = tonumber(args[8]) or 0, deadline = tonumber(args[9]) or NEVER, on_deadline = args[10]:sub(1, 1),
        near = tonumber(args[10]:sub(2)) or NEVER, aimed = NEVER, on_uncertain = args[11], attempts = past.attempts, dated = past.dated, arrival = past.arrival,
        day = accepted_on(past.accepted),
    }
    local more = {}
    if send.case then
        redis.call('SADD', tag .. ':a:' .. send.case, id)
        more = { 'ca', send.case }
    end
    if send.due > 0 then more[#more + 1], more[#more + 2] = 'du', send.due end
    if send.near < NEVER then more[#more + 1], more[#more + 2] = 'nr', send.near end
    if send.deadline < NEVER then more[#more + 1], more[#more + 2] = 'dl', send.deadline end
    shelve(send, 'st', 'w', 'dg', args[2], 'rf', args[3], 'fl', send.flow, 'wh', send.who, 'rk', send.rank, 'an',
        send.arrival, 'od', send.on_deadline, 'ou', send.on_uncertain, 'tr', send.attempts, 'da', send.dated, 'at',
        past.accepted, 'dy', send.day, unpack(more))
    redis.call('SET', tag .. ':b:' .. id, args[12])
    redis.call('HINCRBY', tag .. ':c', send.flow .. '\0a', 1)
    redis.call('HINCRBY', tag .. ':c', send.flow .. '\0w', 1)
    redis.call('HINCRBY', tag .. ':c', 'live', 1)
    count_days(send, 1)
    return send
end

-- Checks a send that was known before; nil if it is new.
local function known(args, request)
    local before = redis.call('HMGET', tag .. ':s:' .. args[1], 'dg', 'st', 'cl')
    if not before[1] then return nil end
    if before[1] ~= args[2] then return { 2, 0 } end
    local claims = {}
    if before[2] == 'c' and before[3] == request then tell(load(args[1]), claims) end
    return { #claims > 0 and 0 or 1, 0, unpack(claims) }
end

local function full(args)
    return tonumber(redis.call('HGET', tag .. ':c', 'live') or 0) >= tonumber(args[17])
end

-- What is answered for a case that takes nothing more.
local NOT_OPEN = { l = 4, s = 5, h = 6 }

redis.register_function('@_insert', function(keys, args)
    enter(keys)
    local request, pace = args[13], pace_of(args[16])
    local before = known(args, request)
    if before then return before end
    if full(args) then return { 3, 0 } end
    local closed = args[6] ~= '' and NOT_OPEN[case_state(args[6])]
    if closed then return { closed, 0 } end
    local arrival = redis.call('HINCRBY', tag .. ':c', 'arrival', 1)
    local send = accept(args, { accepted = now, attempts = 0, dated = 0, arrival = arrival })
    local why = stopped(send)
    if why then
        withdraw(send, 'h', why, args[18], pace)
        return { 7, alarm(), unpack(gone) }
    end
    hold_back(args, 19)
    local claims = {}
    if send.due <= now and not lapsed(send) and open(send.flow)
        and redis.call('EXISTS', tag .. ':p:' .. send.who) == 1 then
        local first = first_stand(send.who)
        local free = free_for(send.who, send.flow, pace, first)
        if free and free <= now and #held_under(send.who, request, first) < tonumber(args[14]) then
            claim(send, request, 'enqueue', tonumber(args[15]))
            tell(send, claims)
            claims[#claims] = ''
        end
    end
    return { 0, alarm(), unpack(claims) }
end)
