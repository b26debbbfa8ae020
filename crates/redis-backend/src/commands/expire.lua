-- KEYS[1]: an entry. ARGV[1], ARGV[2]: milliseconds until it is stale and until it is gone,
-- empty for never. ARGV[3]: the key of its value, if the entry is a stub. Returns 1, or 0
-- where there is no entry of ours. The body is not read.
local head = redis.pcall('GETRANGE', KEYS[1], 0, 36)
if type(head) == 'table' then
  if string.sub(head.err, 1, 9) == 'WRONGTYPE' then return 0 end
  return head
end
if string.sub(head, 1, 4) ~= '\193LD\1' or redis.call('STRLEN', KEYS[1]) < 104 then return 0 end
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local soft = ARGV[1] == '' and 0 or now + ARGV[1]
local hard = ARGV[2] == '' and 0 or now + ARGV[2]
redis.call('SETRANGE', KEYS[1], 4, struct.pack('<I8I8', soft, hard))
if string.byte(head, 37) == 4 then
  redis.pcall('PEXPIRE', ARGV[3], (ARGV[2] == '' and 2592000000 or ARGV[2]) + 60000)
end
if hard == 0 then
  redis.call('PERSIST', KEYS[1])
else
  redis.call('PEXPIREAT', KEYS[1], string.format('%.0f', hard))
end
return 1
