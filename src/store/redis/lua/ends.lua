-- How a claim ends, and how a send does.

-- The claim on this send is over, by the `finish` with this mark, or by something else ('0'). What the send becomes
-- writes the mark down.
local function unclaim(send, mark)
    set_timer(send, NEVER)
    if send.who then redis.call('ZREM', queue_of(send.who), 'C' .. send.id) end
    send.ended = mark
end

-- What the answer says of a send that is gone.
local function add_gone(send, detail)
    local n = #gone
    gone[n + 1], gone[n + 2], gone[n + 3] = send.id, send.state, send.flow
    gone[n + 4], gone[n + 5], gone[n + 6] = send.reference, send.attempts, detail
end

-- The same once more, if it is gone: why is the last line of its history.
local function tell_gone(send)
    if not FINAL[send.state] then return end
    local last = redis.call('LRANGE', tag .. ':h:' .. send.id, -1, -1)[1] or ''
    add_gone(send, last:match('^%d+ %S+ (.*)$') or '')
end

-- The send leaves the table for good. It was taken from its queue, or its claim was ended, before. `keep` is how long
-- finished sends stay, and closed cases: two numbers, in ms.
local function finalise(send, to, detail, keep, pace)
    local head, history = tag .. ':s:' .. send.id, tag .. ':h:' .. send.id
    note(send, FINAL[to], detail)
    shift(send, send.state, to)
    redis.call('HINCRBY', tag .. ':c', 'live', -1)
    count_days(send, -1)
    if send.case then redis.call('SREM', tag .. ':a:' .. send.case, send.id) end
    redis.call('DEL', tag .. ':b:' .. send.id)
    redis.call('HDEL', head, 'wh', 'ca', 'rk', 'an', 'du', 'dl', 'sd', 'lv', 'nr', 'am', 'dy')
    redis.call('HSET', head, 'st', to, 'ea', now, 'tr', send.attempts, 'en', send.ended or '0')
    local sends = keep:match('^%d+')
    redis.call('PEXPIRE', head, sends)
    redis.call('PEXPIRE', history, sends)
    send.state = to
    add_gone(send, detail)
    told_of_end(send, detail)
    if send.case then mail_of_case_ended(send, to, keep) end
    rewake(send.who, pace)
end

-- For so long this mail has an age: when the relay took it, and whose mailbox it is in.
local function recent(send, grace, provider)
    local key = tag .. ':g:' .. send.id
    if grace == 0 then return redis.call('DEL', key) end
    redis.call('SET', key, string.format('%.0f', now) .. ' ' .. (provider or ''), 'PX', lasting(grace))
end

-- The relay did not take it: it is of no age.
local function ageless(send)
    if send.begun then redis.call('DEL', tag .. ':g:' .. send.id) end
end

-- How a send ends that may not wait again, and why, by the letter.
local LEAVES = { x = 'its case was settled', h = 'its case left e-mail' }

-- A claimed send waits again; its claim was ended before. Whoever was forgotten meanwhile gets nothing more, and what was
-- to leave while it was handed over leaves now.
local function come_back(send, keep, pace)
    ageless(send)
    if send.forgotten then return finalise(send, 'x', 'forgotten', keep, pace) end
    if send.leaves then return finalise(send, send.leaves, LEAVES[send.leaves], keep, pace) end
    local why = stopped(send)
    if why then return finalise(send, 'h', why, keep, pace) end
    shelve(send, 'st', 'w', 'du', send.due, 'tr', send.attempts, 'en', send.ended)
    shift(send, 'c', 'w')
    send.state = 'w'
    rewake(send.who, pace)
end

-- The person has this mail, or may have it: one visit, one mail.
local function written_to(send, pace)
    if send.who then remember_contact(send.who, send.flow, pace) end
end

-- Counts an attempt, unless there were as many as there may be.
local function count_attempt(send, most)
    if send.attempts >= most then return false end
    send.attempts = send.attempts + 1
    return true
end

-- Nobody can know whether the relay took it. Sending again counts as an attempt, and waits a lease.
local function doubt(send, reason, rules)
    written_to(send, rules.pace)
    local again = send.on_uncertain == 'r' and not send.forgotten and not send.leaves
    if again and count_attempt(send, rules.attempts) then
        send.due = now + rules.lease
        note(send, 'deferred', reason)
        return come_back(send, rules.keep, rules.pace)
    end
    recent(send, rules.grace)
    finalise(send, 'u', reason, rules.keep, rules.pace)
end

-- Ends a live send in this state, unless its hand-over has begun; tells which.
local function withdraw(send, to, reason, keep, pace)
    if send.state == 'w' then
        unshelve(send)
    elseif send.begun then
        return false
    else
        unclaim(send, '0')
    end
    finalise(send, to, reason, keep, pace)
    return true
end

-- Cancels a live send, unless its hand-over has begun; tells which.
local function call_off(send, reason, keep, pace)
    return withdraw(send, 'x', reason, keep, pace)
end
