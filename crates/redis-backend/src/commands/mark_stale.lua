-- KEYS[1]: an entry. Makes it stale and ends its lease; a placeholder is removed. Returns 1, or 0
-- where there is no entry of ours. The body is not read.
local head = redis.pcall('GETRANGE', KEYS[1], 0, 103)
if type(head) == 'table' then
  if string.sub(head.err, 1, 9) == 'WRONGTYPE' then return 0 end
  return head
end
if string.sub(head, 1, 4) ~= '\193LD\1' or #head < 104 then return 0 end
if string.byte(head, 37) == 3 then
  redis.call('UNLINK', KEYS[1])
  return 0
end
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local soft = struct.unpack('<I8', head, 5)
if soft == 0 or soft > now then soft = 1 end
local mutable = struct.pack('<I8', soft) .. string.sub(head, 13, 20) .. string.rep('\0', 16)
redis.call('SETRANGE', KEYS[1], 4, mutable)
return 1
