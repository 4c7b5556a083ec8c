-- How often one person is written to: the gap between two mails, and the budgets of all brands together and of each.
--
-- Rules come as one text, `gap`, or `gap|memory|budgets|brand budgets;brand budgets…`: times in ms, budgets as
-- `most:within,most:within`. What a person got lies in one string, a line a mail, the oldest first: when, and whose.

-- As many mails as the largest budget can count.
local MOST_REMEMBERED = 256

local function read_budgets(text)
    local budgets = {}
    for most, within in text:gmatch('(%d+):(%d+)') do
        budgets[#budgets + 1] = { most = tonumber(most), within = tonumber(within) }
    end
    return budgets
end

local read_text, read_pace

-- Rules as they are read from their text; the last ones are kept, since they seldom change.
local function pace_of(text)
    if text == read_text then return read_pace end
    local gap, memory, together, brands = text:match('^(%d+)|(%d+)|([^|]*)|(.*)$')
    local pace = { gap = tonumber(gap or text), memory = tonumber(memory or text), together = {}, brands = {} }
    if gap then
        pace.together = read_budgets(together)
        for brand, budgets in brands:gmatch('([^; ]+) ([^;]+)') do pace.brands[brand] = read_budgets(budgets) end
    end
    pace.spaced = pace.memory > 0
    read_text, read_pace = text, pace
    return pace
end

-- The mails to this person, the oldest first: {at, brand}.
local function contacts_of(who)
    local contacts, text = {}, redis.call('GET', tag .. ':l:' .. who)
    if not text then return contacts end
    for at, brand in text:gmatch('(%d+) ?([^\n]*)') do
        contacts[#contacts + 1] = { at = tonumber(at), brand = brand }
    end
    return contacts
end

-- When this person was written to last; 0 if nobody remembers.
local function last_contact(who)
    local text = redis.call('GET', tag .. ':l:' .. who)
    return tonumber(text and text:match('(%d+)[^\n]*$') or 0)
end

-- Until when these mails leave no room in a budget; 0 if they do. `brand` counts its own only.
local function exhausted_until(budgets, contacts, brand)
    local until_ = 0
    for _, budget in ipairs(budgets) do
        local left = budget.most
        for i = #contacts, 1, -1 do
            if not brand or contacts[i].brand == brand then left = left - 1 end
            if left == 0 then
                until_ = math.max(until_, contacts[i].at + budget.within)
                break
            end
        end
    end
    return until_
end

-- When the next mail of anybody may go to somebody who got these.
local function together_free_at(pace, contacts)
    if #contacts == 0 then return 0 end
    local gap = pace.gap > 0 and contacts[#contacts].at + pace.gap or 0
    return math.max(gap, exhausted_until(pace.together, contacts))
end

-- When this flow's brand may write next to somebody who got these.
local function brand_free_at(pace, contacts, flow)
    local brand = flow:sub(1, flow:find('/', 1, true) - 1)
    local budgets = pace.brands[brand]
    return budgets and exhausted_until(budgets, contacts, brand) or 0
end

-- The person has a mail of this flow, or may have it.
local function remember_contact(who, flow, pace)
    if not pace.spaced then return end
    local kept = {}
    for _, contact in ipairs(contacts_of(who)) do
        if now < contact.at + pace.memory then
            kept[#kept + 1] = string.format('%.0f', contact.at) .. (contact.brand ~= '' and ' ' .. contact.brand or '')
        end
    end
    if #kept == MOST_REMEMBERED then table.remove(kept, 1) end
    kept[#kept + 1] = string.format('%.0f', now) .. ' ' .. flow:sub(1, flow:find('/', 1, true) - 1)
    redis.call('SET', tag .. ':l:' .. who, table.concat(kept, '\n'), 'PX', lasting(pace.memory))
end
