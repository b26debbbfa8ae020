-- Drops dead letters. ARGV: their keys. Answers with how many there were.
local dropped = 0
for at = 1, #ARGV do
  local letter = redis.call('HGET', keys, 'd' .. ARGV[at])
  if letter then
    drop(ARGV[at], letter)
    dropped = dropped + 1
  end
end
return {'ok', dropped}
