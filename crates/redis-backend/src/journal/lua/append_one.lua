-- Appends one write, where nothing is out of the ordinary: the script that is run for each `set`,
-- so that it does as little as it can. KEYS: the log, the keys, the meta. ARGV: the key, the
-- writer, 'v' or 'd', the value, the most writes of a shard. Answers with the id, or with a number
-- where append.lua has to look: the shard is empty and may have been lost, or is full, or time is
-- up.
local waiting = redis.call('XLEN', KEYS[1])
if waiting == 0 or waiting >= tonumber(ARGV[5]) then return waiting end
local id = redis.call('XADD', KEYS[1], '*', 'k', ARGV[1], 'w', ARGV[2], ARGV[3], ARGV[4])
if id >= '4398046511104' then
  -- In 2109, or by a clock that says so: beyond a sequence.
  redis.call('XDEL', KEYS[1], id)
  redis.call('HINCRBY', KEYS[3], 'removed', 1)
  return 0
end
local latest = 'l' .. ARGV[1]
local is_new = redis.pcall('HSET', KEYS[2], latest, id)
if is_new == 0 then
  -- Others of the key wait before it, or have waited.
  redis.call('HSET', KEYS[2], latest, id .. ' +')
elseif is_new ~= 1 then
  -- Not a hash: nothing was done.
  redis.call('XDEL', KEYS[1], id)
  redis.call('HINCRBY', KEYS[3], 'removed', 1)
  return is_new
end
if #id > 20 then
  -- A counter of seven digits: the clock stands still, or went back. The next id begins another
  -- millisecond, long before the counter is beyond what a sequence can hold.
  local millis = tonumber(string.match(id, '^%d+'))
  redis.call('XSETID', KEYS[1], string.format('%.0f-0', millis + 1))
end
return id
