-- Where a case stands, and what that means for its sends. `:d:<case>` holds it while anybody may ask:
--
--   st  o open, l leaving, s settled, h handed off     br nm  brand and name    wh  person (while o or l)
--   pl  what its brand stated, JSON (while o or l)     dg     what tells one statement from another
--   at up ea  opened, updated, closed                  wy     why it leaves or was closed
--   n   mails that a relay took, or may have taken
--
-- A closed one goes `keep_finished` after it was closed. When the tick looks at an open one says `:v`.

local CLOSED = { s = 'settled', h = 'handed_off' }

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

-- Closes a case for good: what is left of it says neither who nor how much.
local function close_case(case, to, why, keep)
    local key = case_key(case)
    local v = redis.call('HMGET', key, 'st', 'br', 'nm', 'wh', 'n')
    count_case(v[2], v[1], to)
    set_case_timer(case, NEVER)
    if v[4] then redis.call('SREM', tag .. ':r:' .. v[4], case) end
    redis.call('HDEL', key, 'pl', 'dg', 'wh')
    redis.call('HSET', key, 'st', to, 'ea', now, 'wy', why)
    redis.call('PEXPIRE', key, keep)
    tell_case(case, CLOSED[to], '', v[2], v[3], { reason = why, mails = tonumber(v[5] or 0) })
end

-- A send of a case has ended. The last one under way lets a case go that leaves.
local function mail_of_case_ended(send, to, keep)
    local key = case_key(send.case)
    local v = redis.call('HMGET', key, 'st', 'wy')
    if not v[1] then return end
    if to == 's' or to == 'u' then redis.call('HINCRBY', key, 'n', 1) end
    if v[1] == 'l' and redis.call('EXISTS', tag .. ':a:' .. send.case) == 0 then
        close_case(send.case, 'h', v[2], keep)
    end
end
