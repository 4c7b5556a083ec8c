-- Where a case stands, and what that means for its sends. `:d:<case>` holds it while anybody may ask:
--
--   st  o open, l leaving, s settled, h handed off     br nm  brand and name    wh  person (while o or l)
--   pl  what its brand stated, JSON (while o or l)     dg     what tells one statement from another
--   at up ea  opened, updated, closed                  wy     why it leaves or was closed
--   n   mails that a relay took, or may have taken
--
-- A case has no end by itself: a closed one goes `keep_finished` after it was closed. Its timer in `:t` is 'D' and the case.

local CLOSED = { s = 'settled', h = 'handed_off' }

local function case_key(case) return tag .. ':d:' .. case end

local function case_timer(case) return { id = 'D' .. case } end

-- The letter of where a case stands; nil if it was never put, or is long closed.
local function case_state(case)
    return case and redis.call('HGET', case_key(case), 'st')
end

local function count_case(brand, from, to)
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
    set_timer(case_timer(case), NEVER)
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
