-- A brand's live sends by the UTC day on which they were accepted, and by that of their deadline, as store/days.rs has it:
-- the fields `A<brand>:<day>` and `D<brand>:<day>` of a partition's counters. Those that come to nothing are gone.

local AGED, HORIZON, FAR, NONE = 30, 730, 65534, 65535

-- Days since 1970.
local function day_of(at)
    return math.min(math.max(math.floor(at / 86400000), 0), FAR - 1)
end

-- The day under which the acceptance is counted of a send that is taken in now.
local function accepted_on(accepted)
    return math.min(math.max(day_of(accepted), day_of(now) - AGED), day_of(now))
end

-- The day under which a send's deadline is counted.
local function deadline_on(send)
    if send.deadline == NEVER then return NONE end
    local day = day_of(send.deadline)
    return day > send.day + HORIZON and FAR or math.max(day, send.day - 1)
end

-- One more (1) or one fewer (-1) is alive. What was taken in by a version without days was never counted.
local function count_days(send, by)
    if not send.day then return end
    local brand, counters = send.flow:match('^[^/]*'), tag .. ':c'
    for _, field in ipairs({ 'A' .. brand .. ':' .. send.day, 'D' .. brand .. ':' .. deadline_on(send) }) do
        if redis.call('HINCRBY', counters, field, by) < 1 then redis.call('HDEL', counters, field) end
    end
end
