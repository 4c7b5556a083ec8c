-- Who gets no more mail: `:z:<person>` says of `*` (everybody's) or of a brand why, since when, and in whose words, as
-- `<letter><ms> <words>`. Only who is suppressed has one.

local WHY = {
    h = 'suppressed: hard bounce',
    c = 'suppressed: complaint',
    u = 'suppressed: unsubscribed',
    m = 'suppressed: manual',
}

-- Why a send's person gets no mail of its brand, in the words of its history; nil if they do.
local function stopped(send)
    if not send.who then return nil end
    local brand = send.flow:sub(1, send.flow:find('/', 1, true) - 1)
    local known = redis.call('HMGET', tag .. ':z:' .. send.who, '*', brand)
    local why = known[1] or known[2]
    return why and (WHY[why:sub(1, 1)] or 'suppressed')
end
