-- The last write of a key before an id that is still there.
local function last_before(id, key)
  local RUN, upto = 64, '(' .. id
  while true do
    local page = redis.call('XREVRANGE', log, upto, '-', 'COUNT', RUN)
    for _, entry in ipairs(page) do
      for at = 1, #entry[2] - 1, 2 do
        if entry[2][at] == 'k' and entry[2][at + 1] == key then return entry[1] end
      end
      upto = '(' .. entry[1]
    end
    if #page < RUN then return nil end
  end
end

-- What there is of a key that a write was taken off of: fields of `keys` to delete are added to
-- a list.
local function forget(id, key, latest, readers, gone)
  if readers then gone[#gone + 1] = 'r' .. id end
  local last, others = string.match(latest or '', '^(%S+) ?(%+?)$')
  if last ~= id then return end
  last = others == '+' and last_before(id, key)
  if last then
    redis.call('HSET', keys, 'l' .. key, last .. ' +')
  else
    gone[#gone + 1] = 'l' .. key
  end
end
