-- Appends writes. ARGV: the number of shards; the most writes of a shard; the writer; up to where
-- it is settled, sortable; the last id that the caller knows, in milliseconds and counter; then
-- for each write its key, 'v' or 'd', and its value.
local mark = 'w' .. ARGV[3]
local known = redis.call('HMGET', meta, 'shards', mark)
local state = 'there'
if known[1] ~= ARGV[1] then
  local found
  state, found = begin(ARGV[1])
  if state == 'other' then return {'other', found} end
end
local writes = (#ARGV - 6) / 3
local waiting = redis.call('XLEN', log)
if writes > 0 and waiting + writes > tonumber(ARGV[2]) then return {'full'} end
local floor_millis, floor_counter = tonumber(ARGV[5]), tonumber(ARGV[6])
local answer = {'ok', state}
for at = 7, #ARGV, 3 do
  local value = ARGV[at + 1] == 'v' and ARGV[at + 2]
  local id, refused = add(ARGV[at], value, ARGV[3], floor_millis, floor_counter)
  if not id then return refused or {'beyond'} end
  answer[#answer + 1] = id
end
if ARGV[4] > (known[2] or '') then redis.call('HSET', meta, mark, ARGV[4]) end
return answer
