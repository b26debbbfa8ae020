-- The last write of a key. ARGV: the key. Answers as read.lua does.
local latest = redis.call('HGET', keys, 'l' .. ARGV[1])
if not latest then return {'none'} end
local id = string.match(latest, '^%S+')
local entry = redis.call('XRANGE', log, id, id)[1]
if not entry then return {'none'} end
local marks = {}
for at = 1, #entry[2] - 1, 2 do
  if entry[2][at] == 'w' then
    local mark = 'w' .. entry[2][at + 1]
    marks = {mark, redis.call('HGET', meta, mark) or ''}
  end
end
return {'ok', 0, marks, {{id, entry[2], 0}}}
