-- take: a token of each flow that is limited, directly before a hand-over, or of none. One slot has all flows.
--
-- KEYS   1 the hash of flow settings, not a partition
-- ARGV   1 send  2 flow  3 thousandths of its mails a second, or ''  4 its mails within 24 h, or ''  5 flow …
-- Reply  {'go'}, {'paused', flow, until when}, {'wait', flow, until when}
-- Rule   A setting's own limits win over those of the arguments. `vigie:{vigie:flows}:t:<flow>` holds what was taken: a rate
--        by the generic cell rate algorithm (last, due in microseconds), a day by slices of 15 minutes (d<slice>);
--        `vigie:{vigie:flows}:w:<flow>` who was told to come back, and when: soon, also where the next token is a day away,
--        as what holds it may be changed. Asked again, it takes again.

local SLICE, SLICES, DAY = 900000, 96, 86400000000

-- How often those who wait for a slow flow ask again, all together, and over how long their turns are spread at most, in
-- microseconds.
local ASKING, LONGEST = 10000, 3600000000

-- Nobody waits longer for a token than this for each of those who wait, between these bounds, before asking again at the next
-- turn, in milliseconds.
local PATIENCE, SHORTEST_PATIENCE, LONGEST_PATIENCE = 50, 1000, 60000

-- How many may go at once, and how far apart they are in the long run, in microseconds.
local function burst_and_interval(rate)
    local burst = math.max(math.floor(rate / 20000), 1)
    return burst, math.ceil(1000000000 / (rate - (burst - 1) * 1000))
end

-- A flow's limits now: its rate in thousandths, its mails within 24 h; 'paused' and until when, if it is.
local function limits_of(setting, rate, per_day)
    rate, per_day = tonumber(rate), tonumber(per_day)
    if not setting then return rate, per_day end
    setting = cjson.decode(setting)
    local ends, over = setting.until_ms or NEVER, false
    if setting.state == 'paused' then
        if now < ends then return 'paused', ends end
    else
        -- The limits of a flow that runs end by themselves; those of a pause begin when it is over.
        over = ends <= now
    end
    if setting.rate_per_second and not over then rate = math.floor(setting.rate_per_second * 1000 + 0.5) end
    local ramp = setting.ramp
    if ramp and setting.ramp_from_ms <= now and now < setting.ramp_until_ms then
        local doublings = math.min(math.floor((now - setting.ramp_from_ms) / math.max(ramp.doubling, 1)), 40)
        local start = math.floor(ramp.start * 1000 + 0.5)
        rate = math.min(rate or 10000000, start * 2 ^ doublings, 10000000)
    end
    return rate, not over and setting.per_day or per_day
end

local function whole(n) return string.format('%.0f', n) end

local function meter_of(flow)
    local key = 'vigie:{vigie:flows}:t:' .. flow
    local meter, held = { key = key, flow = flow, day = {}, last = 0, due = 0, told = 0 }, redis.call('HGETALL', key)
    for i = 1, #held, 2 do
        local slice = held[i]:match('^d(%d+)$')
        if slice then
            meter.day[#meter.day + 1] = { slice = tonumber(slice), taken = tonumber(held[i + 1]) }
        else
            meter[held[i]] = tonumber(held[i + 1])
        end
    end
    table.sort(meter.day, function(a, b) return a.slice < b.slice end)
    return meter
end

-- A clock that was set back: what was taken later than now was taken now, for all that is known.
local function mend(meter)
    local slice, ahead, here = math.floor(now / SLICE), 0, nil
    for i = #meter.day, 1, -1 do
        local part = meter.day[i]
        if part.slice > slice then
            ahead = ahead + part.taken
            redis.call('HDEL', meter.key, 'd' .. whole(part.slice))
            table.remove(meter.day, i)
        elseif part.slice == slice then
            here = part
        end
    end
    if ahead > 0 then
        if not here then
            here = { slice = slice, taken = 0 }
            meter.day[#meter.day + 1] = here
        end
        here.taken = redis.call('HINCRBY', meter.key, 'd' .. whole(slice), ahead)
    end
    if meter.last > now * 1000 then
        meter.last = now * 1000
        redis.call('HSET', meter.key, 'last', whole(meter.last))
    end
end

-- When one more fits into 24 hours.
local function day_free_at(meter, most)
    local oldest, left = math.floor(now / SLICE) - SLICES, 0
    for _, part in ipairs(meter.day) do
        if part.slice >= oldest then left = left + part.taken end
    end
    if left < most then return now end
    for _, part in ipairs(meter.day) do
        if part.slice >= oldest then
            left = left - part.taken
            if left < most then return (part.slice + SLICES + 1) * SLICE end
        end
    end
    return now
end

local function meter_free_at(meter)
    local free = now
    if meter.rate then
        local burst, interval = burst_and_interval(meter.rate)
        meter.due = math.min(meter.due, meter.last + burst * interval)
        free = math.max(free, math.ceil((meter.due - (burst - 1) * interval) / 1000))
    end
    return meter.per_day and math.max(free, day_free_at(meter, meter.per_day)) or free
end

local function take_token(meter, send)
    if meter.rate then
        local _, interval = burst_and_interval(meter.rate)
        local due = math.max(meter.due, now * 1000) + interval
        redis.call('HSET', meter.key, 'last', whole(now * 1000), 'due', whole(due))
    end
    local slice = math.floor(now / SLICE)
    for _, part in ipairs(meter.day) do
        if part.slice < slice - SLICES then redis.call('HDEL', meter.key, 'd' .. whole(part.slice)) end
    end
    redis.call('HINCRBY', meter.key, 'd' .. whole(slice), 1)
    redis.call('PEXPIRE', meter.key, (SLICES + 2) * SLICE)
    redis.call('ZREM', 'vigie:{vigie:flows}:w:' .. meter.flow, send)
end

-- When this send shall ask again, where there may be a token at `free`.
local function wait_for(meter, send, free, interval)
    local waiting = 'vigie:{vigie:flows}:w:' .. meter.flow
    redis.call('ZREMRANGEBYSCORE', waiting, '-inf', now)
    redis.call('ZREM', waiting, send)
    local told = redis.call('HINCRBY', meter.key, 'told', 1)
    local many = redis.call('ZCARD', waiting) + 1
    local span = math.max(many * math.min(interval, ASKING), math.min(interval, 1000000))
    local patience = math.min(math.max(many * PATIENCE, SHORTEST_PATIENCE), LONGEST_PATIENCE)
    local place = (told % 65536) * 40503 % 65536
    local till = math.min(free, now + patience) + math.floor(math.min(span, LONGEST) * place / 65536000)
    redis.call('ZADD', waiting, till, send)
    redis.call('PEXPIRE', waiting, till - now + SLICE)
    redis.call('PEXPIRE', meter.key, (SLICES + 2) * SLICE)
    return till
end

-- How far apart a flow's mails are in the long run, in microseconds.
local function interval_of(meter)
    local interval = meter.rate and select(2, burst_and_interval(meter.rate)) or 0
    return meter.per_day and math.max(interval, math.floor(DAY / math.max(meter.per_day, 1))) or interval
end

redis.register_function {
    function_name = '@_take',
    callback = function(keys, args)
        enter(keys)
        local flows, meters, last = {}, {}, nil
        for i = 2, #args, 3 do flows[#flows + 1] = args[i] end
        local settings = redis.call('HMGET', keys[1], unpack(flows))
        for i, flow in ipairs(flows) do
            local rate, per_day = limits_of(settings[i], args[3 * i], args[3 * i + 1])
            if rate == 'paused' then return { 'paused', flow, wait_for(meter_of(flow), args[1], per_day, ASKING) } end
            if rate or per_day then
                local meter = meter_of(flow)
                meter.rate, meter.per_day = rate, per_day
                mend(meter)
                meter.free = meter_free_at(meter)
                meters[#meters + 1] = meter
                if meter.free > now and (not last or meter.free >= last.free) then last = meter end
            end
        end
        if last then
            return { 'wait', last.flow, wait_for(last, args[1], last.free, interval_of(last)) }
        end
        for _, meter in ipairs(meters) do take_token(meter, args[1]) end
        return { 'go' }
    end,
    flags = { 'allow-oom' },
}
