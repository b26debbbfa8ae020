-- Asks for the lease of an entry: does to KEYS[1] what Claim::judge says, by the server's time.
-- ARGV[1]: the token, 8 bytes. ARGV[2]: for how many milliseconds. ARGV[3]: the claim (missing,
-- renew, replace, absent, force). ARGV[4]: the checksum of the entry that the claim names, or
-- empty. ARGV[5]: a placeholder, its mutable part to be filled in. ARGV[6]: the key of the value,
-- if the entry is a stub. Returns -1 where the lease was granted, 0 where there is a fresh value,
-- and otherwise for how many milliseconds somebody else holds the lease.
-- Tokens and checksums are compared as strings: a number in Lua has 53 bits.
local HEADER = 104

-- Whether a header that begins at a place is one of ours, of an entry of so many bytes.
local function is_sound(bytes, at, total)
  if string.sub(bytes, at, at + 3) ~= '\193LD\1' or #bytes - at + 1 < HEADER then return false end
  local kind = string.byte(bytes, at + 36)
  local tags = struct.unpack('<I2', bytes, at + 84)
  local body = struct.unpack('<I4', bytes, at + 88)
  return kind >= 1 and kind <= 4 and HEADER + tags + body == total
end

local key = KEYS[1]
local claim, claimed = ARGV[3], ARGV[4]
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local until_then = struct.pack('<I8', now + ARGV[2])

local head = redis.pcall('GETRANGE', key, 0, HEADER - 1)
if type(head) == 'table' then
  if string.sub(head.err, 1, 9) ~= 'WRONGTYPE' then return head end
  head = ''
end

local is_readable = is_sound(head, 1, head ~= '' and redis.call('STRLEN', key) or 0)
local is_stub = is_readable and string.byte(head, 37) == 4
local kind = is_readable and string.byte(head, 37)
local is_claimed = claimed ~= '' and claimed == string.sub(head, 97, 104)
if is_stub then
  -- What the caller has read is the large value: its beginning is in the stub, behind 16 bytes
  -- of identity and its length.
  local stub = redis.call('GETRANGE', key, 0, HEADER + 24 + HEADER - 1)
  if #stub >= HEADER + 24 and is_sound(stub, HEADER + 25, struct.unpack('<I8', stub, HEADER + 17)) then
    kind = string.byte(stub, HEADER + 25 + 36)
    local checksum = string.sub(stub, HEADER + 25 + 96, HEADER + 25 + 103)
    is_claimed = is_claimed or (claimed ~= '' and claimed == checksum)
  else
    is_readable = false
  end
  -- One whose value was evicted is nothing to anybody.
  if redis.pcall('EXISTS', ARGV[6]) == 0 then is_readable = false end
end

local has_value = false
if is_readable then
  local soft, hard = struct.unpack('<I8I8', head, 5)
  local token, leased = string.sub(head, 21, 28), struct.unpack('<I8', head, 29)
  local is_gone = hard ~= 0 and hard <= now
  local is_useless = (claim == 'replace' or claim == 'absent') and is_claimed
  local is_renewed = claim == 'renew' and is_claimed
  has_value = kind ~= 3 and not is_useless and not is_gone
  local is_fresh = has_value and not (soft ~= 0 and soft <= now)
  if is_fresh and not is_renewed and claim ~= 'force' then return 0 end
  local is_live = token ~= string.rep('\0', 8) and leased > now
  if is_live and not is_gone and claim ~= 'absent' and claim ~= 'force' then
    return math.min(leased - now, 9007199254740992)
  end
end

if has_value then
  redis.call('SETRANGE', key, 20, ARGV[1] .. until_then)
else
  local mutable = struct.pack('<I8', 0) .. until_then .. ARGV[1] .. until_then
  local placeholder = string.sub(ARGV[5], 1, 4) .. mutable .. string.sub(ARGV[5], 37)
  redis.call('SET', key, placeholder, 'PX', ARGV[2])
  if is_stub then redis.pcall('UNLINK', ARGV[6]) end
end
return -1
