-- Moves entries that are no writes of a journal out of the way, to a stream for people to look at.
-- KEYS[5]: that stream. ARGV: the token; then for each its id and the reason.
if not holds(ARGV[1]) then return {'superseded'} end
redis.call('XLEN', KEYS[5])
local KEPT, WORDS = 1000, 100
for at = 2, #ARGV, 2 do
  local entry = redis.call('XRANGE', log, ARGV[at], ARGV[at])[1]
  if entry then
    take_off(ARGV[at])
    local last = math.min(#entry[2], WORDS)
    redis.call('XADD', KEYS[5], 'MAXLEN', '~', KEPT, '*', 'id', ARGV[at], 'reason', ARGV[at + 1],
      unpack(entry[2], 1, last))
  end
end
return {'ok'}
