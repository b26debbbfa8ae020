-- Changes an epoch record as EpochChange::apply_to does. KEYS[1]: the record. ARGV[1]: the names
-- of the other tags, each behind its length. ARGV[2]: hard or soft. ARGV[3]: the fresh number,
-- 8 bytes. ARGV[4]: the most sets of tags. ARGV[5]: the milliseconds it is kept from now on.
local record = redis.pcall('GET', KEYS[1])
if type(record) == 'table' then
  if string.sub(record.err, 1, 9) ~= 'WRONGTYPE' then return record end
  record = nil
end
local names, is_soft, fresh = ARGV[1], ARGV[2] == 'soft', ARGV[3]

local function renew_all()
  redis.call('SET', KEYS[1], fresh .. fresh, 'PX', ARGV[5])
  return 1
end

local function patch(at, bytes)
  redis.call('SETRANGE', KEYS[1], at, bytes)
  redis.call('PEXPIRE', KEYS[1], ARGV[5])
  return 1
end

if not record or #record < 16 then return renew_all() end

local at, sets, found = 17, 0, nil
while at <= #record do
  if at + 1 > #record then return renew_all() end
  local length = struct.unpack('<I2', record, at)
  local epoch = at + 2 + length
  if epoch + 15 > #record then return renew_all() end
  if not found and string.sub(record, at + 2, epoch - 1) == names then found = epoch end
  sets, at = sets + 1, epoch + 16
end
if names == '' then
  if not is_soft then return renew_all() end
  return patch(8, fresh)
elseif found then
  return patch(found - 1 + (is_soft and 8 or 0), fresh)
elseif sets >= tonumber(ARGV[4]) then
  return renew_all()
end
local never = string.rep('\0', 8)
local epoch = is_soft and never .. fresh or fresh .. never
return patch(#record, struct.pack('<I2', #names) .. names .. epoch)
