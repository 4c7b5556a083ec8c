-- self_test: which commands the user who calls may not use. A function that is refused one half-way is not rolled back,
-- so this is asked before anything depends on it. No KEYS: nothing is read or written.
--
-- ARGV   command lines, words separated by spaces, with a key each where they take one
-- Reply  the command lines that are refused; one this server does not know is not among them

redis.register_function {
    function_name = '@_self_test',
    callback = function(_, lines)
        local refused = {}
        for _, line in ipairs(lines) do
            local words = {}
            for word in line:gmatch('%S+') do words[#words + 1] = word end
            local known, may = pcall(redis.acl_check_cmd, unpack(words))
            if known and not may then refused[#refused + 1] = line end
        end
        return refused
    end,
    flags = { 'no-writes' },
}
