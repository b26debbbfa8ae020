-- Appends dead letters again. ARGV: the number of shards; the writer; the last id that the caller
-- knows, in milliseconds and counter; then the keys. Answers with the ids.
need_no_memory()
local answer = {'ok', 'there'}
for at = 5, #ARGV do
  local key = ARGV[at]
  local known = redis.call('HMGET', keys, 'd' .. key, 'l' .. key)
  local letter = known[1] and letter_at(known[1])
  local is_later = known[1] and known[2]
    and sortable(string.match(known[2], '^%S+')) > known[1]
  if letter and not is_later then
    local from = #known[1] + 2
    from = from + 4 + struct.unpack('<I4', letter, from)
    from = from + 4 + struct.unpack('<I4', letter, from)
    local value = string.sub(letter, from, from) == 'v' and string.sub(letter, from + 1)
    local id, refused = add(key, value, ARGV[2], tonumber(ARGV[3]), tonumber(ARGV[4]))
    if not id then return refused or {'beyond'} end
    answer[#answer + 1] = id
  end
  if known[1] then drop(key, known[1]) end
end
return answer
