-- Moves writes to the dead letters. ARGV: the token; then for each its id, its key and its letter,
-- which begins with the id in its sortable form.
if not holds(ARGV[1]) then return {'superseded'} end
check_types()
for at = 2, #ARGV, 3 do
  local id, key, gone = ARGV[at], ARGV[at + 1], {}
  if take_off(id) > 0 then
    local known = redis.call('HMGET', keys, 'l' .. key, 'd' .. key, 'r' .. id)
    forget(id, key, known[1], known[3], gone)
    if #gone > 0 then redis.call('HDEL', keys, unpack(gone)) end
    local letter, own = known[2], sortable(id)
    if not letter or letter < own then
      if letter then drop(key, letter) end
      redis.call('ZADD', dead, 0, ARGV[at + 2])
      redis.call('HSET', keys, 'd' .. key, own)
    end
  end
end
return {'ok'}
