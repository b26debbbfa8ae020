-- Reads a claimed shard. ARGV: the token; the id behind which to begin; the most records; after
-- how many bytes to end the page. Answers whether there may be more, the shard's state, and for
-- each record its id, its fields and how many holders have read it.
if not holds(ARGV[1]) then return {'superseded'} end
need_no_memory()
local all, state = redis.call('HGETALL', meta), {}
for at = 1, #all, 2 do state[all[at]] = all[at + 1] end
local before, high = state.before or '', state.high or ''

-- Those that no holder before this one can have read need no count of their own.
local function deliveries(id)
  if sortable(id) > before then return 1 end
  local known = redis.call('HGET', keys, 'r' .. id) or '1 -'
  local count, token = string.match(known, '^(%d+) (%S+)$')
  if token == ARGV[1] then return tonumber(count) end
  redis.call('HSET', keys, 'r' .. id, (count + 1) .. ' ' .. ARGV[1])
  return count + 1
end

local RUN = 16
local left, room, from = tonumber(ARGV[3]), tonumber(ARGV[4]), '(' .. ARGV[2]
local records, more, last = {}, 1, nil
while left > 0 and room > 0 and more == 1 do
  local asked = math.min(RUN, left)
  local page = redis.call('XRANGE', log, from, '+', 'COUNT', asked)
  for _, entry in ipairs(page) do
    last = entry[1]
    for _, word in ipairs(entry[2]) do room = room - #word end
    records[#records + 1] = {last, entry[2], deliveries(last)}
  end
  left = left - #page
  if #page < asked then more = 0 end
  if last then from = '(' .. last end
end
if last and sortable(last) > high then redis.call('HSET', meta, 'high', sortable(last)) end
return {'ok', more, all, records}
