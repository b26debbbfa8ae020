-- Takes writes off that the database has. ARGV: the token; then for each its id and its key.
if not holds(ARGV[1]) then return {'superseded'} end
check_types()
local RUN = 300
for start = 2, #ARGV, 2 * RUN do
  local ids, fields, gone = {}, {}, {}
  for at = start, math.min(start + 2 * RUN - 1, #ARGV), 2 do
    ids[#ids + 1] = ARGV[at]
    fields[#fields + 1] = 'l' .. ARGV[at + 1]
    fields[#fields + 1] = 'd' .. ARGV[at + 1]
    fields[#fields + 1] = 'r' .. ARGV[at]
  end
  take_off(unpack(ids))
  local known = redis.call('HMGET', keys, unpack(fields))
  for at, id in ipairs(ids) do
    local key, letter = ARGV[start + 2 * at - 1], known[3 * at - 1]
    forget(id, key, known[3 * at - 2], known[3 * at], gone)
    if letter and letter < sortable(id) then drop(key, letter) end
  end
  if #gone > 0 then redis.call('HDEL', keys, unpack(gone)) end
end
return {'ok'}
