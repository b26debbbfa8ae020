-- Ends the lease of an entry. KEYS[1]: the entry. KEYS[2]: where the value to be stored stands
-- for the time being, if there is one. ARGV[1]: the token, 8 bytes. ARGV[2]: what to do (store,
-- remove, release, hold). ARGV[3]: to store, the milliseconds to live, empty for no end; to hold,
-- for how many milliseconds. ARGV[4]: to hold, a token that nobody knows. ARGV[5]: the key of the
-- value, if the entry is a stub. Returns 1, or 0 where the header does not hold the token.
local key, temporary, outcome = KEYS[1], KEYS[2], ARGV[2]
local head = redis.pcall('GETRANGE', key, 0, 103)
if type(head) == 'table' then
  if string.sub(head.err, 1, 9) ~= 'WRONGTYPE' then return head end
  head = ''
end
local is_ours = string.sub(head, 1, 4) == '\193LD\1' and #head == 104
if not is_ours or string.sub(head, 21, 28) ~= ARGV[1] or ARGV[1] == string.rep('\0', 8) then
  if temporary then redis.call('UNLINK', temporary) end
  return 0
end
local is_stub, is_placeholder = string.byte(head, 37) == 4, string.byte(head, 37) == 3

if outcome == 'store' then
  -- It may have been evicted.
  if redis.call('EXISTS', temporary) == 0 then return 0 end
  redis.call('RENAME', temporary, key)
  if ARGV[3] == '' then
    redis.call('PERSIST', key)
  else
    redis.call('PEXPIRE', key, ARGV[3])
  end
  if is_stub then redis.pcall('UNLINK', ARGV[5]) end
elseif outcome == 'remove' or is_placeholder then
  redis.call('UNLINK', key)
  if is_stub then redis.pcall('UNLINK', ARGV[5]) end
elseif outcome == 'hold' then
  local time = redis.call('TIME')
  local now = time[1] * 1000 + math.floor(time[2] / 1000)
  redis.call('SETRANGE', key, 20, ARGV[4] .. struct.pack('<I8', now + ARGV[3]))
else
  redis.call('SETRANGE', key, 20, string.rep('\0', 16))
end
return 1
