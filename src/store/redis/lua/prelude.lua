-- What all operations share: names of keys, time, a send's head, its history and its counters.
--
-- KEYS[1] of every operation is a partition's hash tag, such as `{v17}`. It is no key itself; all keys are made from it
-- (keys.rs lists them), so an operation stays in one slot. Nothing here is written before everything was read and
-- checked, because a function that fails half-way is not rolled back.

local NEVER = 9007199254740991

-- The final states by the letter they are kept under; `w` waits, `c` is claimed.
local FINAL = {
    s = 'sent', f = 'failed', u = 'uncertain', x = 'cancelled', h = 'handed_off', d = 'dropped',
}

-- The call at hand: set by `enter`, for functions run one at a time.
local tag, now, armed, gone, paused, first_paused

local function enter(keys)
    local time = redis.call('TIME')
    tag = keys[1]
    now = time[1] * 1000 + math.floor(time[2] / 1000)
    armed = NEVER
    gone = {}
    first_paused = nil
end

-- The time to live of a key that shall be gone when `span` has passed: Redis keeps it through its last millisecond.
local function lasting(span)
    return math.max(span - 1, 1)
end

-- From argument `first` on, `args` names the flows an operator holds back: `brand/` all of it, `brand/campaign` that part.
local function hold_back(args, first)
    paused = args
    first_paused = args[first] and first
end

-- Whether a flow runs.
local function open(flow)
    if not first_paused then return true end
    for i = first_paused, #paused do
        local scope = paused[i]
        if scope == flow or (scope:sub(-1) == '/' and flow:sub(1, #scope) == scope) then return false end
    end
    return true
end

-- When the partition's next timer comes that this call set, for the gateway that sleeps towards it; 0 if it set none.
local function alarm()
    return armed == NEVER and 0 or math.max(armed, 1)
end

-- Whether a live send has all that the rules need; one that is handed over while its person is forgotten has no name.
local function is_whole(send)
    return send.flow and send.flow:find('/', 1, true) and (send.who or send.forgotten) and send.reference
        and send.rank and #send.rank == 8 and send.arrival and send.due and send.deadline and send.on_deadline
        and send.on_uncertain and send.attempts and send.dated and send.lease and send.stand
end

-- A send as far as the rules need it; nil if it is not known. A head that is not what it should be is an error, before
-- anything was written.
local function load(id)
    local v = redis.call('HMGET', tag .. ':s:' .. id, 'st', 'fl', 'wh', 'ca', 'rk', 'an', 'du', 'dl', 'od', 'ou', 'tr',
        'da', 'cl', 'le', 'bg', 'en', 'sd', 'fg', 'rf', 'lv', 'nr', 'am', 'dy')
    if not v[1] then return nil end
    local send = {
        id = id, state = v[1], flow = v[2], who = v[3], case = v[4], rank = v[5], arrival = tonumber(v[6]),
        due = tonumber(v[7] or 0), deadline = tonumber(v[8] or NEVER), on_deadline = v[9], on_uncertain = v[10],
        attempts = tonumber(v[11]), dated = tonumber(v[12]), claim = v[13], lease = tonumber(v[14] or 0),
        begun = v[15] == '1', ended = v[16], stand = v[17], forgotten = v[18] == '1', reference = v[19],
        leaves = v[20], near = tonumber(v[21] or NEVER), aimed = tonumber(v[22] or NEVER),
        day = tonumber(v[23]),
    }
    if (send.state == 'w' or send.state == 'c') and not is_whole(send) then error('a head that is not whole') end
    return send
end

-- The same; nil also if its head is not what it should be, which the second value says.
local function sound(id)
    local fine, send = pcall(load, id)
    if fine then return send, false end
    return nil, true
end

local function save(send, ...)
    redis.call('HSET', tag .. ':s:' .. send.id, ...)
end

-- Adds a line to a send's history: the first nine and the last ten are kept.
local function note(send, event, detail)
    local key = tag .. ':h:' .. send.id
    if redis.call('RPUSH', key, now .. ' ' .. event .. ' ' .. detail) > 19 then
        redis.call('LSET', key, 9, '')
        redis.call('LREM', key, 1, '')
    end
end

-- Moves a send from one state's counter to another's.
local function shift(send, from, to)
    redis.call('HINCRBY', tag .. ':c', send.flow .. '\0' .. from, -1)
    redis.call('HINCRBY', tag .. ':c', send.flow .. '\0' .. to, 1)
end

-- When the partition looks at a send next; NEVER takes it out. Overdue sends have timers of their own: they fire only
-- after all other timers have done their work, so that the best of a person's overdue sends is known.
local function set_timer(send, when)
    local timers = tag .. (send.stand == 'O' and ':o' or ':t')
    if when == NEVER then
        redis.call('ZREM', timers, send.id)
    else
        redis.call('ZADD', timers, when, send.id)
        if when < armed then armed = when end
    end
end

-- One fewer is present in a slice. A counter that has expired counts nobody, and is not begun again without an end.
local function uncount(slice)
    local counter = tag .. ':n:' .. slice
    if redis.call('DECR', counter) < 0 then redis.call('DEL', counter) end
end

-- Ends a presence; tells whether there was one.
local function leave(who)
    local seen = redis.call('GETDEL', tag .. ':p:' .. who)
    if not seen then return 0 end
    uncount(math.floor(seen / 10))
    return 1
end
