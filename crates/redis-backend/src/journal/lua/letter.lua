-- The dead letter that stands under a sortable id.
local function letter_at(at)
  return redis.call('ZRANGEBYLEX', dead, '[' .. at .. ' ', '(' .. at .. '!')[1]
end

local function drop(key, at)
  redis.call('ZREMRANGEBYLEX', dead, '[' .. at .. ' ', '(' .. at .. '!')
  redis.call('HDEL', keys, 'd' .. key)
end
