-- Taking what is due: the one rule by which touch, insert and tick claim.

-- Elements of a claim as `tell` tells it.
local TOLD = 7

-- A claim as the gateway hears of it: send, attempt, date, what the person said to the brand about presence, whether
-- the deadline has passed, or the better moment before it, what its case says, the payload. Who was forgotten meanwhile gets nothing more: theirs is not told again.
local function tell(send, claims)
    if not send.who then return end
    local brand = send.flow:sub(1, send.flow:find('/', 1, true) - 1)
    local said = redis.call('HGET', tag .. ':y:' .. send.who, 'b:' .. brand)
    local n = #claims
    claims[n + 1] = send.id
    claims[n + 2] = send.attempts + 1
    claims[n + 3] = send.dated
    claims[n + 4] = said and said:sub(1, 1) or ''
    claims[n + 5] = late(send) and 1 or 0
    claims[n + 6] = said_of_case(send)
    claims[n + 7] = redis.call('GET', tag .. ':b:' .. send.id) or ''
end

local function claim(send, request, cause, lease)
    if send.stand == 'O' then set_timer(send, NEVER) end
    leave_place(send)
    send.state, send.stand, send.claim, send.lease = 'c', 'C', request, now + lease
    if send.dated == 0 then send.dated = math.floor(now / 1000) end
    if send.ended then redis.call('HDEL', tag .. ':s:' .. send.id, 'en') end
    save(send, 'st', 'c', 'sd', 'C', 'cl', request, 'le', send.lease, 'bg', '0', 'da', send.dated)
    redis.call('ZADD', queue_of(send.who), 0, 'C' .. send.id)
    set_timer(send, send.lease)
    shift(send, 'w', 'c')
    note(send, 'claimed', cause)
end

-- What is held for this person under this request, best first: the answer to a request that comes again.
local function held_under(who, request, first)
    local held = {}
    if first ~= STAND.C then return held end
    for _, member in ipairs(redis.call('ZRANGEBYLEX', queue_of(who), '[C', '(D', 'LIMIT', 0, 256)) do
        local id = member:sub(2)
        -- Of a head that is not what it should be this is an error, which is not what was asked for.
        if redis.pcall('HGET', tag .. ':s:' .. id, 'cl') == request then held[#held + 1] = sound(id) end
    end
    table.sort(held, function(a, b) return is_better(order_of(a), order_of(b)) end)
    return held
end

-- Collects the best of one stand from every flow that `may` go into `found`.
local function gather(who, stand, after, most, may, found)
    -- A few more than wanted: lapsed ones are in the way until the tick takes them.
    local from, page = '[' .. stand, most + 16
    local flow, runs, taken
    while true do
        local members = redis.call('ZRANGEBYLEX', queue_of(who), from, '(' .. after, 'LIMIT', 0, page)
        for _, member in ipairs(members) do
            local its = member:sub(2, member:find('\0', 1, true) - 1)
            if its ~= flow then flow, runs, taken = its, may(its), 0 end
            if runs and taken < page then
                found[#found + 1], taken = read_place(member), taken + 1
            end
        end
        if #members < page then return end
        from = runs and taken < page and '(' .. members[page] or '[' .. stand .. flow .. '\1'
    end
end

-- Makes the person's early sends ready that have become due, at most 256.
local function ripen(who)
    local last = 'E' .. big6(now) .. string.rep('\255', 16)
    for _, member in ipairs(redis.call('ZRANGEBYLEX', queue_of(who), '[E', '[' .. last, 'LIMIT', 0, 256)) do
        local send = at_place(who, member)
        if send then
            unshelve(send)
            shelve(send)
        end
    end
end

-- Claims for one person, at most `most`: what is overdue and, if they are `online`, what is due. Adds to `claims`.
-- `first` is their first stand.
local function claim_for(who, first, request, cause, online, most, pace, lease, claims)
    local free, contacts = free_at(who, pace, first)
    if not free or now < free then return end
    if first <= STAND.E then ripen(who) end
    if pace.spaced then most = math.min(most, 1) end
    local function may(flow) return open(flow) and brand_free_at(pace, contacts, flow) <= now end
    local found = {}
    if first <= STAND.O then gather(who, 'O', 'P', most, may, found) end
    if online then gather(who, 'R', 'S', most, may, found) end
    table.sort(found, function(a, b) return is_better(a.order, b.order) end)
    for _, candidate in ipairs(found) do
        if most == 0 then return end
        local send = at_place(who, candidate.member)
        if send and not lapsed(send) then
            claim(send, request, cause, lease)
            tell(send, claims)
            most = most - 1
        end
    end
end
