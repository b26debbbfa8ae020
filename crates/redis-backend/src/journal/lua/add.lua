local MOST = 2097151

local function append(key, value, writer)
  if value then
    return redis.call('XADD', log, '*', 'k', key, 'w', writer, 'v', value)
  end
  return redis.call('XADD', log, '*', 'k', key, 'w', writer, 'd', '')
end

-- Appends a write, its id behind the floor; nil where ids have left what a sequence can hold.
local function add(key, value, writer, floor_millis, floor_counter)
  local id = append(key, value, writer)
  local millis, counter = split(id)
  while counter > MOST or millis < floor_millis
    or (millis == floor_millis and counter <= floor_counter) do
    -- The clock went back, or a copy of the server took over that had not seen the last writes.
    take_off(id)
    if millis < floor_millis or (millis == floor_millis and counter <= floor_counter) then
      millis, counter = floor_millis, floor_counter
    end
    if counter >= MOST then
      millis, counter = millis + 1, 0
    end
    redis.call('XSETID', log, string.format('%.0f-%.0f', millis, counter))
    id = append(key, value, writer)
    millis, counter = split(id)
  end
  if millis >= 4398046511104 then
    take_off(id)
    return nil
  end
  local is_new = redis.pcall('HSET', keys, 'l' .. key, id)
  if type(is_new) == 'table' then
    -- Not a hash: nothing was done.
    take_off(id)
    return nil, is_new
  elseif is_new == 0 then
    -- Others of the key wait before it, or have waited.
    redis.call('HSET', keys, 'l' .. key, id .. ' +')
  end
  return id
end
