-- Claims the shard. ARGV: the number of shards; the token; for how many milliseconds. Answers
-- with how many entries somebody else took off since the last claim, where the server can tell.
local state, found = begin(ARGV[1])
if state == 'other' then return {'other', found} end
local known = redis.call('HMGET', meta, 'claim', 'until', 'high', 'removed')
local time = now()
if known[1] and tonumber(known[2]) > time then return {'held'} end
need_no_memory()
local removed, lost = tonumber(known[4] or 0), 0
local added = ever_added()
if added then
  -- What was added is still there, or was taken off by a script of ours, or is lost.
  local gone = added - redis.call('XLEN', log)
  removed, lost = gone, math.max(gone - removed, 0)
end
redis.call('HSET', meta, 'claim', ARGV[2], 'until', string.format('%.0f', time + ARGV[3]),
  'before', known[3] or '', 'removed', string.format('%.0f', removed))
-- What writers have said of writes that are not there any more is of no use.
local first = redis.call('XRANGE', log, '-', '+', 'COUNT', 1)[1]
first = first and sortable(first[1])
local all = redis.call('HGETALL', meta)
for at = 1, #all, 2 do
  if string.sub(all[at], 1, 1) == 'w' and (not first or all[at + 1] < first) then
    redis.call('HDEL', meta, all[at])
  end
end
return {'ok', lost}
