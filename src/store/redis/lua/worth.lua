-- What a signal is worth, by the age of the mail it is about and by what else was hinted at; and the hours of the week in
-- which a person is seen.

-- A certainty of two hints together beyond this percentage does not exist.
local SUREST = 85

-- Kinds of hints that a mail sets off by arriving: a mail server's and a webmail server's.
local ECHOES = { ['5'] = true, ['6'] = true }

-- Whether a mail is so old; `from` is '-' for never. One whose age is not known is old.
local function reaches(age, from)
    if from == '-' then return false end
    return from == '0' or not age or age >= tonumber(from)
end

-- Adds a hint to those of the last moments; tells whether it makes presence together with another.
local function join(who, kind, percent, rules)
    local key, kept, joined = tag .. ':w:' .. who, {}, false
    local strongest = percent
    local doubt, enough = 100 - percent, (100 - rules.threshold) * 100
    for other, its, till in (redis.call('GET', key) or ''):gmatch('(%d+) (%d+) (%d+)') do
        if tonumber(till) > now and other == kind then
            strongest = math.max(strongest, tonumber(its))
        elseif tonumber(till) > now then
            kept[#kept + 1] = other .. ' ' .. its .. ' ' .. till
            joined = joined or ((100 - its) * doubt <= enough and rules.threshold <= SUREST)
        end
    end
    kept[#kept + 1] = kind .. ' ' .. strongest .. ' ' .. string.format('%.0f', now + rules.ttl)
    redis.call('SET', key, table.concat(kept, ';'), 'PX', lasting(rules.ttl))
    return joined
end

-- Notes that a mail has landed, the first time somebody shows it; tells in whose mailbox, or '' if it was not now.
local function land(send, young, mark, age, from, rules)
    local provider, before = mark:match('^%d+ (%S*)(.*)$')
    if before ~= '' or not reaches(age, from) or age < 0 or age > rules.landed then return '' end
    redis.call('SET', young, mark .. ' landed', 'KEEPTTL')
    local seconds = string.format('%.0f', math.floor(age / 1000))
    note({ id = send }, 'landed', 'seen ' .. seconds .. ' s after the relay took it')
    return provider == '' and '-' or provider
end

-- What a signal is worth: the code of touch's reply, the mail's age if it is young, and where it landed. `young` is the
-- key that knows when the relay took the mail, if it may be there.
local function weigh(keys, args, young, rules)
    enter(keys)
    local presence, hint, kind, percent, lands, later, more =
        args[9]:match('^(%S+) (%S+) (%d+) (%d+) (%S+) (%S+) (%d+)$')
    local mark = young and redis.call('GET', young)
    local age, landed = nil, ''
    if mark then
        local at = tonumber(mark:match('^%d+'))
        age = at == 0 and -1 or math.max(now - at, 0)
        landed = land(args[5], young, mark, age, lands, rules)
    end
    if reaches(age, presence) then return 0, age, landed end
    if reaches(age, later) then
        percent = more
    elseif not reaches(age, hint) then
        return 2, age, landed
    end
    if ECHOES[kind] then
        if now < last_contact(args[1]) + rules.echo then return 4, age, landed end
    end
    return join(args[1], kind, tonumber(percent), rules) and 5 or 3, age, landed
end

local HOUR, WEEK = 3600000, 168

-- 1970 began on a Thursday.
local BEFORE_1970 = 72

-- One more hour in which a person was seen: 4 more in its half of a byte, and a quarter less in all for each week.
local function add_hour(who, hour)
    local key = tag .. ':u:' .. who
    local record = redis.call('GET', key)
    local last = record and struct.unpack('<I4', record) or 0
    if hour <= last then return end
    local weeks = math.floor((hour + BEFORE_1970) / WEEK) - math.floor((last + BEFORE_1970) / WEEK)
    local place, pairs_ = (hour + BEFORE_1970) % WEEK, {}
    local function aged(weight, at)
        for _ = 1, math.min(weeks, 16) do weight = math.floor(weight * 3 / 4) end
        return at == place and math.min(weight + 4, 15) or weight
    end
    for i = 0, 83 do
        local pair = record and record:byte(5 + i) or 0
        local low, high = aged(pair % 16, 2 * i), aged(math.floor(pair / 16), 2 * i + 1)
        pairs_[i + 1] = string.char(low + 16 * high)
    end
    redis.call('SET', key, struct.pack('<I4', hour) .. table.concat(pairs_), 'PX', 9 * WEEK * HOUR)
end

-- Remembers the hour for those who agreed to it. Not again within what was one moment of presence: `slice` is that of
-- now, `last` the one they were seen in before.
local function lived(keys, who, slice, last, rules)
    if not rules.history then return end
    local hour_of = function(its) return math.floor(its * rules.width / HOUR) end
    if last and hour_of(last) == hour_of(slice) then return end
    enter(keys)
    add_hour(who, math.floor(now / HOUR))
end
