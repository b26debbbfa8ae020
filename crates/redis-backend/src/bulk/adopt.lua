-- Puts a large value in place, its stub and itself in one step.
-- KEYS: the stub's, the value's, the value's for the time being. ARGV: the stub, its
-- milliseconds to live or an empty string, NX or XX or an empty string, the value's
-- milliseconds to live. Returns 1, or 0 where the condition did not hold.
local set = {'SET', KEYS[1], ARGV[1]}
if ARGV[2] ~= '' then
  set[#set + 1] = 'PX'
  set[#set + 1] = ARGV[2]
end
if ARGV[3] ~= '' then set[#set + 1] = ARGV[3] end
if redis.call('EXISTS', KEYS[3]) == 0 then
  return redis.error_reply('TRYAGAIN the large value is not there any more')
end
if not redis.call(unpack(set)) then
  redis.call('UNLINK', KEYS[3])
  return 0
end
redis.call('RENAME', KEYS[3], KEYS[2])
redis.call('PEXPIRE', KEYS[2], ARGV[4])
return 1
