-- Where a case stands, and what that means for its sends. `:d:<case>` holds it while anybody may ask:
--
--   st  o open, l leaving, s settled, h handed off     br nm  brand and name    wh  person (while o or l)
--   pl  what its brand stated, JSON (while o or l)     dg     what tells one statement from another
--   at up ea  opened, updated, closed                  wy     why it leaves or was closed
--   n   mails that a relay took, or may have taken         fm lm  when it took the first, the last
--   oc cc ls  opened, clicked how often; when last         m<send>  when a relay took it, of the first 64 (while o or l)
--
-- A closed one goes `keep_cases` after it was closed. When the tick looks at an open one says `:v`.

local STATES = { o = 'open', l = 'leaving', s = 'settled', h = 'handed_off' }

-- Of so many letters it is remembered that they are a case's.
local MOST_LETTERS = 64

local function case_key(case) return tag .. ':d:' .. case end

-- When the tick looks at a case; NEVER takes it out.
local function set_case_timer(case, when)
    if when == NEVER then return redis.call('ZREM', tag .. ':v', case) end
    redis.call('ZADD', tag .. ':v', when, case)
    if when < armed then armed = when end
end

-- What the brand states of a send's case, if it is open, and this person's; else nothing.
local function said_of_case(send)
    if not send.case then return '' end
    local v = redis.call('HMGET', case_key(send.case), 'wh', 'pl')
    return v[1] == send.who and v[2] or ''
end

-- The letter of where a case stands; nil if it was never put, or is long closed.
local function case_state(case)
    return case and redis.call('HGET', case_key(case), 'st')
end

local function count_case(brand, from, to)
    local more = (from == nil and 1 or 0) - ((from == 'o' or from == 'l') and 1 or 0)
    if more ~= 0 then redis.call('HINCRBY', tag .. ':c', 'cases', more) end
    if from then redis.call('HINCRBY', tag .. ':c', 'C' .. brand .. ':' .. (from == 'l' and 'o' or from), -1) end
    redis.call('HINCRBY', tag .. ':c', 'C' .. brand .. ':' .. to, 1)
end

local function hex(bytes)
    return (bytes:gsub('.', function(byte) return string.format('%02x', byte:byte()) end))
end

-- What is told of a case. The event's id begins with the case, so that whoever copies it knows which it is; `mark` tells it
-- from others of its kind.
local function tell_case(case, word, mark, brand, name, more)
    more.id, more.brand, more.state = name, brand, more.state or word
    announce(hex(case) .. '-' .. word .. mark, 'case.' .. word, brand, cjson.encode(more))
end

-- A moment as RFC 3339 writes it, without zeros at its end. Days are counted by H. Hinnant's `civil_from_days`.
local function moment(ms)
    local floor = math.floor
    local days, rest = floor(ms / 86400000) + 719468, ms % 86400000
    local era = floor(days / 146097)
    local doe = days - era * 146097
    local yoe = floor((doe - floor(doe / 1460) + floor(doe / 36524) - floor(doe / 146096)) / 365)
    local doy = doe - (365 * yoe + floor(yoe / 4) - floor(yoe / 100))
    local mp = floor((5 * doy + 2) / 153)
    local month = mp < 10 and mp + 3 or mp - 9
    local year = yoe + era * 400 + (month <= 2 and 1 or 0)
    local day = doy - floor((153 * mp + 2) / 5) + 1
    local fraction = rest % 1000 > 0 and string.format('.%03d', rest % 1000):gsub('0+$', '') or ''
    return string.format('%04d-%02d-%02dT%02d:%02d:%02d%sZ', year, month, day, floor(rest / 3600000),
        floor(rest / 60000) % 60, floor(rest / 1000) % 60, fraction)
end

-- What is told of a case that is closed: how its letters fared, what was owed, and what a settled one was before.
local function told_of_closed(key, to, why)
    local v = redis.call('HMGET', key, 'st', 'at', 'n', 'oc', 'cc', 'ls', 'fm', 'lm', 'pl')
    local more = { reason = why, mails = tonumber(v[3] or 0), opens = tonumber(v[4] or 0), clicks = tonumber(v[5] or 0) }
    for name, at in pairs({ opened_at = v[2], last_seen = v[6], first_mail = v[7], last_mail = v[8] }) do
        if at then more[name] = moment(tonumber(at)) end
    end
    local fine, said = pcall(cjson.decode, v[9] or '')
    if fine then more.amount, more.currency = said.facts.amount, said.facts.currency end
    if to == 's' then more.was = STATES[v[1]] end
    return more
end

-- How letters fared that are not remembered one by one any more.
local function forget_letters(key)
    local all, letters = redis.call('HGETALL', key), {}
    for i = 1, #all, 2 do
        if #all[i] == 17 and all[i]:sub(1, 1) == 'm' then letters[#letters + 1] = all[i] end
    end
    if #letters > 0 then redis.call('HDEL', key, unpack(letters)) end
end

-- Closes a case for good: what is left of it says neither who nor how much.
local function close_case(case, to, why, keep)
    local key = case_key(case)
    local v = redis.call('HMGET', key, 'st', 'br', 'nm', 'wh')
    local more = told_of_closed(key, to, why)
    count_case(v[2], v[1], to)
    set_case_timer(case, NEVER)
    if v[4] then redis.call('SREM', tag .. ':r:' .. v[4], case) end
    redis.call('HDEL', key, 'pl', 'dg', 'wh')
    forget_letters(key)
    redis.call('HSET', key, 'st', to, 'ea', now, 'wy', why)
    redis.call('PEXPIRE', key, keep:match('%d+$'))
    tell_case(case, STATES[to], '', v[2], v[3], more)
end

-- A send of a case has ended. The last one under way lets a case go that leaves.
local function mail_of_case_ended(send, to, keep)
    local key = case_key(send.case)
    local v = redis.call('HMGET', key, 'st', 'wy', 'fm')
    if v[1] ~= 'o' and v[1] ~= 'l' then return end
    if to == 's' or to == 'u' then
        local n = redis.call('HINCRBY', key, 'n', 1)
        redis.call('HSET', key, 'fm', v[3] or now, 'lm', now)
        if n <= MOST_LETTERS then redis.call('HSET', key, 'm' .. send.id, now) end
    end
    if v[1] == 'l' and redis.call('EXISTS', tag .. ':a:' .. send.case) == 0 then
        close_case(send.case, 'h', v[2], keep)
    end
end
