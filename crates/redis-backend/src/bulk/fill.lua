-- Ends the lease of an entry with a large value. KEYS: the stub's, the value's, the value's for
-- the time being. ARGV: the token, 8 bytes; the stub; its milliseconds to live or an empty string;
-- the value's milliseconds to live. Returns 1, or 0 where the header does not hold the token.
local head = redis.pcall('GETRANGE', KEYS[1], 0, 103)
if type(head) == 'table' then
  if string.sub(head.err, 1, 9) ~= 'WRONGTYPE' then return head end
  head = ''
end
local is_ours = string.sub(head, 1, 4) == '\193LD\1' and #head == 104
if not is_ours or string.sub(head, 21, 28) ~= ARGV[1] or ARGV[1] == string.rep('\0', 8) then
  redis.call('UNLINK', KEYS[3])
  return 0
end
-- It may have been evicted.
if redis.call('EXISTS', KEYS[3]) == 0 then return 0 end
if ARGV[3] == '' then
  redis.call('SET', KEYS[1], ARGV[2])
else
  redis.call('SET', KEYS[1], ARGV[2], 'PX', ARGV[3])
end
redis.call('RENAME', KEYS[3], KEYS[2])
redis.call('PEXPIRE', KEYS[2], ARGV[4])
return 1
